"""How soon a person has what a protection promises: the first image, the archive, the evidence.

    .venv/bin/python -m benchmarks.minutes --photos FOLDER

FOLDER has photographs in class folders. Copies of them, scaled to 400 x 530 pixels, are protected by the recipe that
the service runs. Prints the seconds until the first protected image and until the archive can be taken, and how long
the evidence took beside what it was allowed. Other work on the machine makes all of it longer, so the load is printed.
"""

import argparse
import os
import tempfile
import time
import zipfile
from dataclasses import dataclass, field
from io import BytesIO
from itertools import cycle, islice
from pathlib import Path

from PIL import Image

from core.recipes.options import DatasetSource, RunOptions
from core.recipes.protect import protect
from core.runtime.progress import Step
from core.specs.protect import ProtectSpec

SIZE = (400, 530)  # pixels


@dataclass
class Milestones:
    """When what was there, in seconds from the start."""

    began: float = field(default_factory=time.monotonic)
    first_image: float | None = None
    archive: float | None = None

    def on_progress(self, step: Step) -> None:
        """Note the first written image."""
        if step.stage == "writing" and step.done and self.first_image is None:
            self.first_image = time.monotonic() - self.began

    def on_archive(self, _: Path) -> None:
        """Note the archive."""
        self.archive = time.monotonic() - self.began


def write_photos(folder: Path, out: Path, *, images: int, classes: int) -> None:
    """Write a zip of photographs, of as many from each class as it takes.

    Args:
        folder: class folders of photographs.
        out: the zip.
        images: how many photographs.
        classes: how many of the classes, the largest ones.
    """
    folders = sorted(
        (path for path in folder.iterdir() if path.is_dir()), key=lambda path: (-len(list(path.iterdir())), path)
    )
    members = [iter(sorted(path.iterdir())) for path in folders[:classes]]
    turn = (next(files, None) for files in cycle(members))
    with zipfile.ZipFile(out, "w") as archive:
        for path in islice((path for path in islice(turn, 100 * images) if path is not None), images):
            data = BytesIO()
            with Image.open(path) as image:
                image.convert("RGB").resize(SIZE, Image.Resampling.LANCZOS).save(data, "JPEG", quality=90)
            archive.writestr(f"{path.parent.name}/{path.stem}.jpg", data.getvalue())


def main() -> None:
    """Protect the photographs once, and print when what was there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True, help="class folders of photographs")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--classes", type=int, default=32)
    parser.add_argument("--preset", default="instant")
    parser.add_argument("--minutes", type=int, default=5, help="evidence_minutes")
    options = parser.parse_args()
    spec = ProtectSpec(preset=options.preset, evidence_minutes=options.minutes)
    with tempfile.TemporaryDirectory() as folder:
        source, scratch, out = Path(folder) / "photos.zip", Path(folder) / "scratch", Path(folder) / "out.zip"
        write_photos(options.photos, source, images=options.images, classes=options.classes)
        with zipfile.ZipFile(source) as archive:
            count = len(archive.namelist())
        scratch.mkdir()
        milestones = Milestones()
        run = RunOptions(scratch=scratch, on_progress=milestones.on_progress)
        report = protect(DatasetSource(path=source), out, spec, run, on_archive=milestones.on_archive).report
        total = time.monotonic() - milestones.began
        sizes = source.stat().st_size, out.stat().st_size
    cores = len(os.sched_getaffinity(0))
    size, load = f"{SIZE[0]} x {SIZE[1]}", os.getloadavg()[1]
    print(f"{count} photographs of {size}, preset {spec.preset}, {cores} cores, load {load:.1f}")
    print(f"first protected image  {milestones.first_image or total:6.1f} s")
    print(f"archive                {milestones.archive or total:6.1f} s")
    print(f"evidence               {report.evidence.seconds:6.1f} s of {60 * options.minutes} s allowed")
    print(f"all                    {total:6.1f} s")
    print(f"size of the archive    {sizes[1] / sizes[0]:6.2f} times the upload")
    for stage, seconds in report.stages.items():
        print(f"  {stage:20} {seconds:6.1f} s")
    if report.evidence.plan is not None:
        for row in report.evidence.plan.rows:
            print(f"  {row.name}: {row.updates} of {row.full_updates} updates, {row.train_images} training images")
        for name in report.evidence.plan.left_out:
            print(f"  {name}: left out")


if __name__ == "__main__":
    main()
