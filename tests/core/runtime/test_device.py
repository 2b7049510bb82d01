"""Which device names are accepted, and what the error of a missing device says."""

import pytest
import torch

from core.errors import BadInput
from core.runtime.device import Device


@pytest.mark.parametrize("name", ["cpu", "cpu:0", "cpu:3"])
def test_every_name_of_the_cpu_is_the_same_device(name: str) -> None:
    device = Device(name)
    assert (device.name, device.is_cpu) == ("cpu", True)


@pytest.mark.parametrize("name", ["gpu", "CPU", "cuda:x", "cuda:-1", "mps", "meta"])
def test_an_unknown_device_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match=f"{name}.*name cpu, cuda or cuda:N"):
        Device(name)


@pytest.mark.parametrize("name", ["cuda", "cuda:0"])
def test_a_gpu_is_refused_where_there_is_none(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BadInput, match="no GPU"):
        Device(name)


def test_a_gpu_number_that_is_too_high_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr("core.runtime.device.fast_dtype", lambda name: torch.float32)
    assert Device("cuda:1").name == "cuda:1"
    with pytest.raises(BadInput, match="the last GPU is cuda:1"):
        Device("cuda:2")
