"""Convolutions by products: exact at every size, and on one thread, whatever number BLAS may use."""

import os
import subprocess
import sys

import numpy as np
import pytest

from core.metrics.convolution import Plane

TAPS = np.array([0.2, -1.0, 0.5, 2.0, 0.3])
WAKE_UPS_OF_OTHER_THREADS = """
import threading
import time
from pathlib import Path
import numpy as np
from core.metrics.convolution import Plane

def switches():
    counts = {}
    for task in Path("/proc/self/task").iterdir():
        if task.name != str(threading.get_native_id()):
            counts[task.name] = [line for line in (task / "status").read_text().splitlines() if "ctxt" in line]
    return counts

def settled():
    before = None
    while before != (now := switches()):
        before = now
        time.sleep(0.3)
    return now

plane, taps, large = Plane(np.zeros((400, 400), np.float32), 10), np.ones(21), np.ones((400, 400), np.float32)
started = settled()
for _ in range(50):
    plane.filtered(down=taps, across=taps)
filtered = settled()
large @ large
print(started == filtered, filtered == settled())
"""


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 400), (40, 30), (64, 2000), (129, 333)])
def test_a_convolution_is_the_sum_of_shifted_planes(height: int, width: int) -> None:
    values = np.random.default_rng(0).random((height, width), np.float32)
    padded = np.pad(values.astype(np.float64), 2, mode="edge")
    rows = sum(tap * padded[k : k + height] for k, tap in enumerate(TAPS[::-1]))
    expected = sum(tap * rows[:, k : k + width] for k, tap in enumerate(TAPS[::-1]))
    found = Plane(values, 6).filtered(down=TAPS, across=TAPS)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.skipif(
    sys.platform != "linux" or os.cpu_count() == 1, reason="needs two cores, and Linux to count wake-ups"
)
def test_products_wake_no_further_thread_of_blas_but_a_large_one_does() -> None:
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "2"}
    command = [sys.executable, "-c", WAKE_UPS_OF_OTHER_THREADS]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]
