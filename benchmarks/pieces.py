"""How much sooner a job ends with a second worker: its evidence in full, and a verification.

    .venv/bin/python -m benchmarks.pieces [--updates 20] [--images 400]

Starts Valkey and workers of one core each on this machine, with SQLite and a folder as the store. Each job runs with
one worker, and again with two, on drawn images. Its learners are much shorter than those of the presets, so that all
takes a few minutes: what a piece costs besides its learner weighs more than in a real job. Prints the seconds of each,
the ratio, and whether both reports say the same. Needs two idle cores.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.models.registry import build_network
from core.noise.generator_file import save_generator
from store import generators, migrate, task_queue
from store import models as m
from store.database import open_database
from store.object_keys import dataset_prefix, upload_key
from store.settings import Settings
from tests.support.broker import start_broker
from tests.support.generator_rows import a_card
from tests.support.images import write_images_zip
from tests.support.processes import Command
from tests.support.rows import job_of, new_check, new_job
from tests.support.waiting import wait_until
from tests.support.workers import start_worker
from worker.context import WorkerContext, open_worker_context
from worker.executor import run_job

PROTECTION = {"method": "em", "radius_u": 6, "radius_a": 3}
FULL_EVIDENCE = PROTECTION | {"evidence": "full", "evidence_minutes": 0}
VERIFICATION = {"trainings": [{"radius": 0}, {"radius": 4}], "percentages": [50, 100], "seeds": 3}
PRELOAD_SECONDS = 20.0  # until idle workers have imported torch
SHORTER = """
from dataclasses import replace
from core.specs.configs import TrainingLength
from core.specs.presets import PRESETS, QUICK
length = TrainingLength(epochs=0, min_updates={updates}, max_updates={updates}, batch=64)
schedules = {{name: replace(schedule, length=length) for name, schedule in QUICK.schedules.items()}}
PRESETS["quick"] = replace(QUICK, schedules=schedules)
"""


class _Service:
    """A database and a store with one dataset, its protection, and what runs jobs on them."""

    def __init__(self, context: WorkerContext, folder: Path, images: int) -> None:
        self.context, self._folder, self._workers = context, folder, list[Command]()
        archive = write_images_zip(folder / "images.zip", classes=2, per_class=images // 2)
        self.dataset, check = new_check(
            context.database, context.settings, filename="images.zip", size=archive.stat().st_size
        )
        context.files.save(upload_key(self.dataset), archive)
        run_job(context, check)
        ships = folder / "ships"
        ships.mkdir()
        model = build_network("small", channels=3, size=32, classes=3, seed=0, device="cpu").eval()
        save_generator(model, a_card(method="em", radius_u=6, radius_a=3), ships / "drawn-32px.safetensors")
        self.generator = generators.register_shipped(context.database, context.files, ships)[0]
        self.protection = self._new(m.PROTECT, PROTECTION | {"generator_id": self.generator, "evidence": "none"})
        run_job(context, self.protection)

    def start_worker(self) -> None:
        """Start one more."""

        def command(settings: Settings, *words: str) -> Command:
            self._workers.append(Command(settings, *words, log=self._folder / f"worker-{len(self._workers)}.log"))
            return self._workers[-1]

        start_worker(command, self.context, "cpu")
        time.sleep(PRELOAD_SECONDS)

    def measure(self, kind: str, spec: Mapping[str, Any]) -> tuple[float, dict[str, Any]]:
        """Run a job; return how long it ran, and its report without times and names."""
        self.context.files.delete_prefix(f"{dataset_prefix(self.dataset)}/curves")
        id_ = self._new(kind, spec)
        task_queue.enqueue(self.context.settings, job_id=id_, kind=kind)
        row = wait_until(lambda: (r := job_of(self.context.database, id_)).state in m.FINAL and r, seconds=1800)
        assert row.state == m.SUCCEEDED, row.error
        report = json.loads(self.context.files.load(str(row.report_key)))
        for name in ("job_id", "created_at", "seconds", "stages"):
            report.pop(name, None)
        report["evidence"].pop("seconds", None)
        return (row.finished_at - row.started_at).total_seconds(), report

    def end(self) -> None:
        """End the workers."""
        for worker in self._workers:
            worker.end(seconds=60)

    def _new(self, kind: str, spec: Mapping[str, Any]) -> str:
        id_ = new_job(self.context.database, dataset_id=self.dataset, kind=kind, **spec)
        if kind == m.VERIFY:
            with self.context.database.write.begin() as session:
                session.get_one(m.Job, id_).target_job_id = self.protection
        return id_


def _shorten_learners(folder: Path, updates: int) -> None:
    """In this process and in those that it starts."""
    exec(SHORTER.format(updates=updates), {})
    (folder / "sitecustomize.py").write_text(SHORTER.format(updates=updates))
    os.environ["PYTHONPATH"] = str(folder)


def _print_table(rows: Sequence[tuple[str, float, float, bool]]) -> None:
    print("| job | 1 worker (s) | 2 workers (s) | ratio | same report |\n|---|---|---|---|---|")
    for name, one, two, same in rows:
        print(f"| {name} | {one:.1f} | {two:.1f} | {one / two:.2f} | {'yes' if same else 'NO'} |")


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--updates", type=int, default=20, help="of each learner")
    parser.add_argument("--images", type=int, default=400)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="unteachable-pieces-") as name:
        folder = Path(name)
        _shorten_learners(folder, args.updates)
        settings = Settings(_env_file=None, data_dir=folder / "var", threads=1)
        settings.home.mkdir(mode=0o700)
        database = open_database(settings)
        migrate.upgrade(database)
        database.dispose()
        broker, context = start_broker(settings), open_worker_context(settings)
        service = _Service(context, folder, args.images)
        kinds = [
            ("protection with full evidence", m.PROTECT, FULL_EVIDENCE | {"generator_id": service.generator}),
            ("verification", m.VERIFY, VERIFICATION),
        ]
        try:
            found: list[list[tuple[float, dict[str, Any]]]] = []
            for _ in range(2):
                service.start_worker()
                found.append([service.measure(kind, spec) for _, kind, spec in kinds])
            _print_table(
                [(name, one[0], two[0], one[1] == two[1]) for (name, *_), one, two in zip(kinds, *found, strict=True)]
            )
        finally:
            service.end()
            broker.terminate()
            broker.wait(10)
            context.database.dispose()


if __name__ == "__main__":
    main()
