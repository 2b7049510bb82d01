"""Imports what jobs of science need while a child is idle, so that its first job does not wait for torch.

`worker.science_child` starts it. The child of the worker of checks must not import torch.
"""

import threading
from importlib import import_module

IDLE_SECONDS = 5.0  # the start of the whole service comes first
MODULES = ("worker.handlers.trial", "worker.handlers.protect")

_job_has_begun = threading.Event()
_importing = threading.Lock()


def start_preloading() -> None:
    """Import MODULES after IDLE_SECONDS in a thread, unless a job has begun by then: it imports what it needs."""
    threading.Thread(target=_preload_when_idle, name="preload", daemon=True).start()


def _preload_when_idle() -> None:
    if _job_has_begun.wait(IDLE_SECONDS):
        return
    with _importing:
        for name in () if _job_has_begun.is_set() else MODULES:
            import_module(name)


def end_preloading() -> None:
    """Wait until nothing is imported in the background, and let nothing be: two threads must not import the same."""
    _job_has_begun.set()
    with _importing:
        return
