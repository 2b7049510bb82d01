"""The clock of time limits: a pause of the process does not count, work does."""

import os
import signal
import subprocess
import sys
import time

from core.runtime.awake_clock import MAX_STEP_SECONDS

CLOCK = """
import sys, time
from core.runtime.awake_clock import awake_seconds
began, clock = awake_seconds(), time.monotonic()
print("started", flush=True)
while time.monotonic() - clock < float(sys.argv[1]):
    time.sleep(0.05)
print(awake_seconds() - began)
"""
ECHO = """
import os, sys, time
from core.imaging.sandbox_protocol import FramedPipe, pack
to_us, answer = os.pipe()
if os.fork() == 0:
    time.sleep(2.5)
    for chunk in pack({"late": 1}, []):
        os.write(answer, chunk)
    os._exit(0)
pipe = FramedPipe(answer, to_us)
print("started", flush=True)
print(pipe.receive(timeout=1.5)[0])
"""


def test_a_pause_does_not_count() -> None:
    run = subprocess.Popen([sys.executable, "-c", CLOCK, "3"], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    assert run.stdout.readline() == "started\n"
    os.kill(run.pid, signal.SIGSTOP)
    time.sleep(2.8)
    os.kill(run.pid, signal.SIGCONT)
    counted = float(run.communicate(timeout=20)[0])
    assert counted < MAX_STEP_SECONDS + 0.7


def test_time_that_no_pause_explains_counts() -> None:
    run = subprocess.run([sys.executable, "-c", CLOCK, "1.5"], capture_output=True, text=True, check=True)
    assert 1.4 < float(run.stdout.split()[1]) < 3


def test_a_pause_uses_up_no_time_limit_of_the_sandbox() -> None:
    """The whole machine sleeps for longer than an image may take."""
    run = subprocess.Popen([sys.executable, "-c", ECHO], stdout=subprocess.PIPE, text=True, process_group=0)
    assert run.stdout is not None
    assert run.stdout.readline() == "started\n"
    time.sleep(0.2)
    os.killpg(run.pid, signal.SIGSTOP)
    time.sleep(3)
    os.killpg(run.pid, signal.SIGCONT)
    assert run.communicate(timeout=20)[0] == "{'late': 1}\n"
