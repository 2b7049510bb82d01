"""What a computation depends on besides its input: the kind of device, and versions."""

import hashlib
import json
import platform
from pathlib import Path

import torch

from core.models.pretrained import pretrained_weights_file
from core.runtime.device import Device
from core.specs.presets import fingerprint
from core.version import CHECKPOINT_VERSION, VERSION, versions

CPU_INFO = Path("/proc/cpuinfo")


def describe_compute(device: Device, pretrained_weights: Path | None = None) -> str:
    """A text that is equal for two processes where the same learner gets the same weights in both.

    The number of cores is not in it, because it changes no result.

    Args:
        device: Where they compute.
        pretrained_weights: The file of the weights that pretrained learners start from, if it is not the package's.
    """
    weights = pretrained_weights_file(pretrained_weights)
    facts = {
        "device": _cpu_model() if device.is_cpu else torch.cuda.get_device_name(device.name),
        "capability": torch.backends.cpu.get_cpu_capability() if device.is_cpu else torch.version.cuda,
        "dtype": str(device.dtype),
        "versions": versions(),
        "checkpoints": CHECKPOINT_VERSION,
        "presets": fingerprint(),
        "weights": None if weights is None else hashlib.sha256(weights.read_bytes()).hexdigest(),
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
    kind = "CPU" if device.is_cpu else facts["device"]
    return f"{kind}, {facts['capability']}, torch {torch.__version__}, unteachable {VERSION}, {digest}"


def _cpu_model() -> str:
    """The model of the processor, because libraries choose their kernels by it."""
    try:
        lines = CPU_INFO.read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "CPU part"))]
    return names[0] if names else platform.machine()
