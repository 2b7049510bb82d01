"""Convolutions by products: exact at every size, and on one thread, whatever number BLAS may use."""

import os
import subprocess
import sys

import numpy as np
import pytest

from core.metrics.convolution import Plane

TAPS = np.array([0.2, -1.0, 0.5, 2.0, 0.3])
CPU_OF_ALL_THREADS = """
import time
import numpy as np
from core.metrics.convolution import Plane
plane, taps = Plane(np.zeros((400, 400), np.float32), 10), np.ones(21)
plane.filtered(down=taps, across=taps)
all_threads, this_thread = time.process_time(), time.thread_time()
for _ in range(50):
    plane.filtered(down=taps, across=taps)
print((time.process_time() - all_threads) / (time.thread_time() - this_thread))
"""


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 400), (40, 30), (64, 2000), (129, 333)])
def test_a_convolution_is_the_sum_of_shifted_planes(height: int, width: int) -> None:
    values = np.random.default_rng(0).random((height, width), np.float32)
    padded = np.pad(values.astype(np.float64), 2, mode="edge")
    rows = sum(tap * padded[k : k + height] for k, tap in enumerate(TAPS[::-1]))
    expected = sum(tap * rows[:, k : k + width] for k, tap in enumerate(TAPS[::-1]))
    found = Plane(values, 6).filtered(down=TAPS, across=TAPS)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_products_are_too_small_for_further_threads() -> None:
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "2"}
    command = [sys.executable, "-c", CPU_OF_ALL_THREADS]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 1.1
