"""What this process computes with, as a text that is equal where the same work gives the same bytes."""

from functools import cache
from pathlib import Path

from store.settings import Settings
from worker.context import compute_device


def compute_kind(settings: Settings) -> str:
    """Return the kind of device and the versions of this process. Imports torch.

    Args:
        settings: the device, and the pretrained weights.

    Raises:
        InvalidSetting: this machine does not have the device of the settings.
    """
    return _kind(compute_device(settings).name, settings.pretrained_weights)


@cache
def _kind(device: str | None, weights: str) -> str:
    from core.recipes.compute_kind import describe_compute
    from core.runtime.device import Device

    return describe_compute(Device(device), Path(weights) if weights else None)
