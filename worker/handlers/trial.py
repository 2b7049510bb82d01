"""A trial: a few images of a dataset protected at each visibility, stored for the pages as soon as they are made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import structlog

from core.errors import BadInput
from core.imaging.sandbox import DecoderSandbox, SandboxTask
from core.ingest.extract import extract_files
from core.recipes.trial import TrialFile, make_trial
from core.runtime.awake_clock import awake_seconds
from core.runtime.checkpoints import NullCheckpointStore
from core.specs.protect import INSTANT, ProtectSpec
from core.specs.visibility import VISIBILITIES
from store import image_index, trials
from store.image_index import CHUNK_IMAGES, IndexedImage, StoredBytes, chunk_of
from store.leases import JobResult
from store.trials import TrialImage, TrialResult, TrialVariant
from worker.fetch_upload import fetch_upload, upload_limits
from worker.job_files import purge_deleted_dataset
from worker.run_options import run_options
from worker.running_job import RunningJob

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """An image to try: its number in the dataset, its entry, and where it lies in the folder that is tried."""

    number: int
    image: IndexedImage
    path: str


def run_trial(job: RunningJob) -> None:
    """Make the trial that the job's spec names.

    Raises:
        BadInput: the images cannot be used, or no generator fits them.
        InvalidSetting: this machine does not have the device of the settings.
        Cancelled: the work must stop; see `worker.stop_reasons`.
    """
    started = awake_seconds()
    context, claim, dataset_id = job.context, job.claim, str(job.claim.dataset_id)
    folder = job.make_folder("images")
    candidates = _extract(job, folder)
    spec = ProtectSpec.parse({"preset": INSTANT, "format": _format(candidates)})
    options = replace(run_options(job), checkpoints=NullCheckpointStore())
    key = trials.result_key(dataset_id, claim.job_id)
    context.files.delete(key)  # of an attempt that was lost: its files are replaced
    originals = _originals(job, folder, candidates)
    files: list[TrialFile] = []
    for made in make_trial(folder, spec, options):
        files += made
        job.lease.check()
        packed, images = _pack(candidates, files, originals)
        context.files.write(trials.files_key(dataset_id, claim.job_id), packed)
        result = TrialResult(images=images, seconds=awake_seconds() - started)
        trials.write_result(context.files, key, result)
    job.succeed(JobResult(report_key=key, page_key=key))
    purge_deleted_dataset(context, claim)
    log.info("trial.made", dataset=dataset_id, images=len(images), seconds=round(result.seconds, 1))


def _extract(job: RunningJob, folder: Path) -> list[_Candidate]:
    """Unpack the images of the trial, each into the folder of its class where there are several classes."""
    files, dataset_id = job.context.files, str(job.claim.dataset_id)
    found = {}
    for number in job.claim.spec["images"]:
        try:
            found[number] = image_index.read_images(files, dataset_id, chunk_of(number))[number % CHUNK_IMAGES]
        except (FileNotFoundError, IndexError):
            raise BadInput("The dataset was deleted, or an earlier release checked it: upload it again.") from None
    upload = fetch_upload(job)
    raw = job.make_folder("raw")
    extracted = extract_files(
        upload.path, [image.path for image in found.values()], raw, upload_limits(job.context.settings)
    )
    classes = sorted({image.class_name for image in found.values()})
    candidates = []
    for number, image in found.items():
        label = f"{classes.index(image.class_name)}/" if len(classes) > 1 else ""
        path = f"{label}{number}{PurePosixPath(image.path).suffix}"
        target = folder / path
        target.parent.mkdir(exist_ok=True)
        if image.path in extracted:
            extracted[image.path].rename(target)
            candidates.append(_Candidate(number=number, image=image, path=path))
    return candidates


def _format(candidates: Sequence[_Candidate]) -> str:
    """The format of the delivered files: the default of a protection, or one that browsers can show."""
    displayed = all(candidate.image.format in image_index.SHOWN_BY_BROWSERS for candidate in candidates)
    return ProtectSpec().format if displayed else "png"


def _originals(job: RunningJob, folder: Path, candidates: Sequence[_Candidate]) -> dict[int, bytes]:
    """The original of each image: its own file, or what browsers can show of it."""
    hidden = [one for one in candidates if one.image.format not in image_index.SHOWN_BY_BROWSERS]
    originals = {one.number: (folder / one.path).read_bytes() for one in candidates if one not in hidden}
    with DecoderSandbox(limits=upload_limits(job.context.settings)) as sandbox:
        tasks = [
            SandboxTask(op="thumbnail", file=folder / one.path, args={"edge": max(one.image.width, one.image.height)})
            for one in hidden
        ]
        for one, (_, result) in zip(hidden, sandbox.map(tasks), strict=True):
            if result.refused is None:
                originals[one.number] = result.blobs[0]
    return originals


def _pack(
    candidates: Sequence[_Candidate], files: Sequence[TrialFile], originals: Mapping[int, bytes]
) -> tuple[bytes, tuple[TrialImage, ...]]:
    """All files in one object, and where each lies in it: a file that is added later moves none of the others."""
    packed = bytearray()

    def append(data: bytes) -> StoredBytes:
        packed.extend(data)
        return StoredBytes(start=len(packed) - len(data), packed=len(data), size=len(data))

    before = {number: append(data) for number, data in originals.items()}
    variants: dict[str, list[TrialVariant]] = {one.path: [] for one in candidates}
    for file in files:
        variants[file.path].append(
            TrialVariant(
                strength=file.visibility,
                location=append(file.data),
                flip=file.flip,
                ssimulacra2=file.ssimulacra2,
            )
        )
    images = tuple(
        TrialImage(
            number=one.number,
            path=one.image.path,
            width=one.image.width,
            height=one.image.height,
            original=before[one.number],
            variants=tuple(sorted(variants[one.path], key=lambda variant: VISIBILITIES.index(variant.strength))),
        )
        for one in candidates
        if one.number in before
    )
    return bytes(packed), images
