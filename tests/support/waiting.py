"""Waiting for something to become true, with a deadline instead of a guess."""

import time
from collections.abc import Callable
from typing import Any


def wait_until(true: Callable[[], Any], *, seconds: float = 20, what: str = "") -> Any:
    """Ask again and again until the answer is true, and return it; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        answer = true()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {seconds} s: {what or true}"
        time.sleep(0.03)
