"""What a child of a worker that computes does at its start: it imports torch while it has no job."""

from typing import Any

from celery import signals

from worker.preload import start_preloading


@signals.worker_process_init.connect  # type: ignore[untyped-decorator]
def _on_child_start(**_: Any) -> None:
    start_preloading()
