"""How much sooner a job ends with a second worker: its evidence in full, a verification, and the noise of many images.

    .venv/bin/python -m benchmarks.pieces [--jobs evidence verification noise] [--updates 100] [--images 400]
        [--noise-images 8192]

Starts Valkey and workers of one core each on this machine, with SQLite and a folder as the store. Each job runs with
one worker, and again with two, on drawn images. Its learners are shorter than those of the presets, so that all takes
about 25 minutes: what does not get faster (decoding, writing, the first imports of a worker) weighs more than in a real
job. Prints the seconds of each, the ratio, and whether the reports and the images are the same. The noise is that of
a generator with random weights, which takes as long as that of a trained one; its seconds are those of its stage alone.
Needs two idle cores.
"""

import argparse
import hashlib
import io
import json
import os
import tempfile
import time
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
JOBS = ("evidence", "verification", "noise")
PRELOAD_SECONDS = 20.0  # until idle workers have imported torch
SHORTER = """
from dataclasses import replace
from core.specs.configs import TrainingLength
from core.specs.presets import PRESETS, QUICK
length = TrainingLength(epochs=0, min_updates={updates}, max_updates={updates}, batch=64)
schedules = {{name: replace(schedule, length=length) for name, schedule in QUICK.schedules.items()}}
PRESETS["quick"] = replace(QUICK, schedules=schedules)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """A job to measure.

    Attributes:
        name: In the table.
        kind: Of the job.
        images: How many its dataset has.
        spec: What it does.
        stage: Whose seconds count; None for the whole job.
    """

    name: str
    kind: str
    images: int
    spec: Mapping[str, Any]
    stage: str | None = None


class _Service:
    """A database and a store with datasets, a protection of the first one, and what runs jobs on them."""

    def __init__(self, context: WorkerContext, folder: Path, images: int) -> None:
        self.context, self._folder, self._workers = context, folder, list[Command]()
        self._datasets: dict[int, str] = {}
        ships = folder / "ships"
        ships.mkdir()
        model = build_network("small", channels=3, size=32, classes=3, seed=0, device="cpu").eval()
        save_generator(model, a_card(method="em", radius_u=6, radius_a=3), ships / "drawn-32px.safetensors")
        self.generator = generators.register_shipped(context.database, context.files, ships)[0]
        spec = PROTECTION | {"generator_id": self.generator, "evidence": "none"}
        self.protection = self._new(_Work(name="target", kind=m.PROTECT, images=images, spec=spec))
        run_job(context, self.protection)

    def start_worker(self) -> None:
        """Start one more."""

        def command(settings: Settings, *words: str) -> Command:
            self._workers.append(Command(settings, *words, log=self._folder / f"worker-{len(self._workers)}.log"))
            return self._workers[-1]

        start_worker(command, self.context, "cpu")
        time.sleep(PRELOAD_SECONDS)

    def measure(self, work: _Work) -> tuple[float, object]:
        """Run a job; return the seconds that count, and what must not depend on the workers."""
        id_ = self._new(work)
        self.context.files.delete_prefix(f"{dataset_prefix(self._datasets[work.images])}/curves")
        task_queue.enqueue(self.context.settings, job_id=id_, kind=work.kind)
        row = wait_until(lambda: (r := job_of(self.context.database, id_)).state in m.FINAL and r, seconds=14_400)
        assert row.state == m.SUCCEEDED, row.error
        report = json.loads(self.context.files.load(str(row.report_key)))
        seconds = (row.finished_at - row.started_at).total_seconds()
        if work.stage is not None:
            seconds = report["stages"][work.stage]
        for name in ("job_id", "created_at", "seconds", "stages"):
            report.pop(name, None)
        report["evidence"].pop("seconds", None)
        return seconds, (report, self._digest(row.archive_key))

    def end(self) -> None:
        """End the workers."""
        for worker in self._workers:
            worker.end(seconds=60)

    def _new(self, work: _Work) -> str:
        dataset = self._dataset(work.images)
        id_ = new_job(self.context.database, dataset_id=dataset, kind=work.kind, **work.spec)
        if work.kind == m.VERIFY:
            with self.context.database.write.begin() as session:
                session.get_one(m.Job, id_).target_job_id = self.protection
        return id_

    def _dataset(self, images: int) -> str:
        """One of so many drawn images, which is uploaded and checked when it is first needed."""
        if images not in self._datasets:
            archive = write_images_zip(self._folder / f"{images}.zip", classes=2, per_class=images // 2)
            self._datasets[images], check = new_check(
                self.context.database, self.context.settings, filename="images.zip", size=archive.stat().st_size
            )
            self.context.files.save(upload_key(self._datasets[images]), archive)
            run_job(self.context, check)
        return self._datasets[images]

    def _digest(self, archive_key: str | None) -> str | None:
        """Of the protected images; None for a job without an archive."""
        if archive_key is None:
            return None
        digest = hashlib.sha256()
        with zipfile.ZipFile(io.BytesIO(self.context.files.load(archive_key))) as archive:
            for name in sorted(archive.namelist()):
                if name.endswith(".png"):
                    digest.update(name.encode() + archive.read(name))
        return digest.hexdigest()


def _shorten_learners(folder: Path, updates: int) -> None:
    """In this process and in those that it starts."""
    exec(SHORTER.format(updates=updates), {})
    (folder / "sitecustomize.py").write_text(SHORTER.format(updates=updates))
    os.environ["PYTHONPATH"] = str(folder)


def _print_table(rows: Sequence[tuple[str, float, float, bool]]) -> None:
    print("| job | 1 worker (s) | 2 workers (s) | ratio | same result |\n|---|---|---|---|---|")
    for name, one, two, same in rows:
        print(f"| {name} | {one:.1f} | {two:.1f} | {one / two:.2f} | {'yes' if same else 'NO'} |")


def _works(args: argparse.Namespace, generator_id: str) -> dict[str, _Work]:
    """What can be measured, by the names of JOBS."""
    evidence = FULL_EVIDENCE | {"generator_id": generator_id}
    noise = PROTECTION | {"generator_id": generator_id, "evidence": "none"}
    name, kind = f"final noise of {args.noise_images:,} images", m.PROTECT
    return {
        "evidence": _Work(name="protection with full evidence", kind=kind, images=args.images, spec=evidence),
        "verification": _Work(name="verification", kind=m.VERIFY, images=args.images, spec=VERIFICATION),
        "noise": _Work(name=name, kind=kind, images=args.noise_images, spec=noise, stage="noise"),
    }


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", nargs="+", choices=JOBS, default=JOBS, help="what to measure")
    parser.add_argument("--updates", type=int, default=100, help="of each learner")
    parser.add_argument("--images", type=int, default=400, help="of the evidence and the verification")
    parser.add_argument("--noise-images", type=int, default=8192, help="whose noise is made")
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
        possible = _works(args, service.generator)
        works = [possible[job] for job in args.jobs]
        try:
            found: list[list[tuple[float, object]]] = []
            for _ in range(2):
                service.start_worker()
                found.append([service.measure(work) for work in works])
            _print_table(
                [(work.name, one[0], two[0], one[1] == two[1]) for work, one, two in zip(works, *found, strict=True)]
            )
        finally:
            service.end()
            broker.terminate()
            broker.wait(10)
            context.database.dispose()


if __name__ == "__main__":
    main()
