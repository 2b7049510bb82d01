"""Which devices can be asked for, and what is said of one that is not here."""

import pytest
import torch

from core.errors import BadInput
from core.runtime.device import Device


@pytest.mark.parametrize("name", ["cpu", "cpu:0", "cpu:3"])
def test_the_processor_is_one_however_it_is_called(name: str) -> None:
    device = Device(name)
    assert (device.name, device.is_cpu) == ("cpu", True)


@pytest.mark.parametrize("name", ["gpu", "CPU", "cuda:x", "cuda:-1", "mps", "meta"])
def test_what_is_no_device_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match=f"{name}.*name cpu, cuda or cuda:N"):
        Device(name)


@pytest.mark.parametrize("name", ["cuda", "cuda:0"])
def test_without_a_gpu_none_can_be_had(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BadInput, match="no GPU"):
        Device(name)


def test_a_gpu_of_a_number_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr("core.runtime.device.fast_dtype", lambda name: torch.float32)
    assert Device("cuda:1").name == "cuda:1"
    with pytest.raises(BadInput, match="the last GPU is cuda:1"):
        Device("cuda:2")
