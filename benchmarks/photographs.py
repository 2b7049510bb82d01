"""Protection beside visibility, on photographs: what each noise costs the eye, and what it takes from each learner.

    .venv/bin/python -m benchmarks.photographs --data photographs --out build/photographs

DATA holds train/CLASS/FILE and test/CLASS/FILE. Every noise is made by the recipe `protect` at the files' own sizes and
delivered in the files' own formats; every figure is taken from the delivered archive, by the recipe `verify`. A report
is saved in OUT as soon as it is there, so the same command continues after an interruption.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from core.recipes.options import DatasetSource, RunOptions
from core.recipes.protect import protect
from core.recipes.verify import VerificationTarget, verify
from core.results.protection import ProtectionReport
from core.results.verification import VerificationReport
from core.runtime.folder_checkpoints import FolderCheckpointStore
from core.specs.protect import ProtectSpec
from core.specs.verify import NO_COUNTERMEASURE, Training, VerifySpec
from core.specs.visibility import VISIBILITY_TARGETS


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """A noise to measure: the method, its preset, and how visible it may be.

    Attributes:
        flip: A target of its own, above those of the product; None for that of `visibility`.
        radius_u: Largest change of a pixel, of 255.
    """

    method: str
    visibility: str = "strong"
    preset: str = "quick"
    flip: float | None = None
    radius_u: int = 8

    @property
    def spec(self) -> ProtectSpec:
        """The spec of its protection, without evidence."""
        return ProtectSpec(
            preset=self.preset,
            method=self.method,
            visibility=self.visibility,
            radius_u=self.radius_u,
            format="same",
            evidence="none",
        )

    @contextmanager
    def target(self) -> Iterator[None]:
        """Puts the noise's own target in the place of the product's."""
        product = VISIBILITY_TARGETS[self.visibility]
        if self.flip is not None:
            VISIBILITY_TARGETS[self.visibility] = replace(product, flip=self.flip)
        try:
            yield
        finally:
            VISIBILITY_TARGETS[self.visibility] = product


NOISES = {
    "texture-subtle": Noise(method="texture", visibility="subtle"),
    "texture-balanced": Noise(method="texture", visibility="balanced"),
    "texture-strong": Noise(method="texture"),
    "texture-0.12": Noise(method="texture", flip=0.12, radius_u=32),
    "texture-0.20": Noise(method="texture", flip=0.20, radius_u=32),
    "sem-balanced": Noise(method="sem", visibility="balanced"),
    "sem-strong": Noise(method="sem"),
    "sem-0.12": Noise(method="sem", flip=0.12),
    "sem-0.20": Noise(method="sem", flip=0.20),
}
"""The last part of a name is the target: one of the product, or a FLIP that lies above them all."""
LEARNERS = ("pretrained-finetune", "pretrained-probe", "small")
COUNTERMEASURES = (NO_COUNTERMEASURE, "greyscale")


def main() -> None:
    args = _arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    print(_HEAD, flush=True)
    for name in args.noises:
        report = _protected(args, name)
        for learner in args.learners:
            for line in _lines(name, report, _verified(args, name, learner)):
                print(line, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder with train/CLASS/FILE and test/CLASS/FILE")
    parser.add_argument("--out", type=Path, required=True, help="the folder for archives and reports")
    parser.add_argument("--noises", nargs="+", default=list(NOISES), choices=NOISES)
    parser.add_argument("--learners", nargs="+", default=list(LEARNERS))
    parser.add_argument("--countermeasures", nargs="+", default=list(COUNTERMEASURES))
    parser.add_argument("--radii", type=int, nargs="+", default=[0], help="of adversarial training, of 255")
    parser.add_argument("--seeds", type=int, default=1, help="the number of learners of each kind")
    parser.add_argument("--cores", type=int, help="the cores to use; by default all")
    return parser.parse_args()


def _protected(args: argparse.Namespace, name: str) -> ProtectionReport:
    """Protect the photographs; returns the report of the archive."""
    file = args.out / f"{name}.json"
    if not file.exists():
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as scratch, NOISES[name].target():
            options = RunOptions(scratch=Path(scratch), cores=args.cores)
            result = protect(DatasetSource(path=args.data), args.out / f"{name}.zip", NOISES[name].spec, options)
        report = replace(result.report, seconds=time.monotonic() - began)
        file.write_text(report.to_json())
    return ProtectionReport.from_json(file.read_text())


def _verified(args: argparse.Namespace, name: str, learner: str) -> VerificationReport:
    """Train a learner on the originals and on the archive, under each countermeasure."""
    radii, treated = "-".join(map(str, args.radii)), "-".join(args.countermeasures)
    file = args.out / f"{name}-{learner}-{treated}-{radii}-{args.seeds}.json"
    if not file.exists():
        spec = VerifySpec(
            architectures=(learner,),
            trainings=tuple(Training(radius=radius) for radius in args.radii),
            countermeasures=tuple(args.countermeasures),
            seeds=args.seeds,
        )
        with tempfile.TemporaryDirectory() as scratch:
            checkpoints = FolderCheckpointStore(args.out / f"{file.stem}-checkpoints")
            originals = FolderCheckpointStore(args.out / "originals")  # the same learners for every noise
            options = RunOptions(
                scratch=Path(scratch), cores=args.cores, checkpoints=checkpoints, kept_curves=originals
            )
            target = VerificationTarget(archive=args.out / f"{name}.zip")
            report = verify(DatasetSource(path=args.data), target, spec, options)
        file.write_text(report.to_json())
    return VerificationReport.from_json(file.read_text())


_HEAD = (
    "| noise | FLIP mean (worst) | SSIMULACRA2 mean (worst) | learner | originals | protected |\n"
    "|---|---|---|---|---|---|"
)


def _lines(name: str, report: ProtectionReport, verified: VerificationReport) -> list[str]:
    seen = report.imperceptibility
    visibility = f"{seen.flip:.3f} ({seen.flip_worst:.3f}) | {seen.ssimulacra2:.0f} ({seen.ssimulacra2_worst:.0f})"
    return [
        f"| {name} | {visibility} | {row.name} | {100 * row.before.accuracy:.1f} | {100 * row.after.accuracy:.1f} |"
        for row in verified.evidence.rows
        if row.after is not None
    ]


if __name__ == "__main__":
    main()
