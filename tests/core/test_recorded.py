"""When work is recorded. That a recording does what the work does needs a GPU: see test_gpu.py."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from core.recorded import MOST, SELDOM, Recorded

Work = Callable[..., Tensor]


@pytest.fixture
def recorded() -> list[tuple[torch.Size, torch.dtype]]:
    """The shape and type of what was recorded."""
    return []


@pytest.fixture
def double(recorded: list[tuple[torch.Size, torch.dtype]]) -> Recorded:
    """Twice a tensor, and from a recording thrice."""

    def record(work: Work, inputs: tuple[Tensor, ...]) -> Work:
        recorded.append((inputs[0].shape, inputs[0].dtype))
        return lambda x: 3 * x

    return Recorded(lambda x: 2 * x, record=record)


def test_what_comes_seldom_is_not_recorded_and_what_comes_often_is_once(
    double: Recorded, recorded: list[object]
) -> None:
    x = torch.ones(4)
    results = [float(double(x, on_gpu=True)[0]) for _ in range(SELDOM + 3)]
    assert results == [2.0] * SELDOM + [3.0] * 3
    assert recorded == [(x.shape, x.dtype)]


def test_a_cpu_records_nothing(double: Recorded, recorded: list[object]) -> None:
    assert {float(double(torch.ones(1), on_gpu=False)) for _ in range(SELDOM + 3)} == {2.0}
    assert not recorded


def test_every_shape_and_type_has_its_own(double: Recorded, recorded: list[object]) -> None:
    shapes = [torch.ones(4), torch.ones(2, 2), torch.ones(4, dtype=torch.float64)]
    for _ in range(SELDOM + 1):
        for x in shapes:
            double(x, on_gpu=True)
    assert recorded == [(x.shape, x.dtype) for x in shapes]


def test_no_more_are_kept_than_memory_is_meant_for(double: Recorded, recorded: list[object]) -> None:
    for _ in range(SELDOM + 2):
        results = [float(double(torch.ones(rows), on_gpu=True)[0]) for rows in range(1, MOST + 3)]
    assert results == [3.0] * MOST + [2.0] * 2
    assert len(recorded) == MOST
