"""The other classes for the evidence of an album: chosen from datasets of its owner, or named by the operator."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from core.errors import BadInput
from core.evaluation.other_classes import MAX_CLASSES, MAX_IMAGES_PER_CLASS
from core.ingest.extract import extract_files
from core.recipes.options import ReferenceSource
from core.results.joined_classes import OPERATOR, OWN_DATASETS
from core.specs.protect import NO_LABEL, ProtectSpec
from store import datasets, image_index
from store import models as m
from store.reference_datasets import reference_datasets
from worker.checkpoint_store import job_checkpoints
from worker.fetch_upload import fetch_file, upload_limits
from worker.running_job import RunningJob

CHECKPOINT = "other-classes.json"
MAX_CHUNKS = 40  # of a dataset's list of images that are read

Choice = Mapping[str, Mapping[str, Sequence[str]]]
"""The chosen images: their paths by class, by the id of their dataset."""


def reference_source(job: RunningJob, spec: ProtectSpec) -> ReferenceSource | None:
    """Return the other classes that the job's dataset joins if it is an album; None for others, and without any.

    The dataset that the spec names comes first, then the operator's images, then all other datasets of the owner.

    Args:
        job: a protect job.
        spec: its spec.
    """
    context, dataset_id = job.context, job.claim.dataset_id
    with context.database.read() as session:
        album = session.get(m.Dataset, dataset_id) if dataset_id else None
        if album is None or datasets.classes_by(album, spec.layout) != 1 or spec.evidence == "none":
            return None
        named = spec.reference_dataset_id and session.get(m.Dataset, spec.reference_dataset_id)
        candidates = [named] if named and named.owner_id == album.owner_id else reference_datasets(session, album)
    operators = context.settings.reference_images
    if operators and not spec.reference_dataset_id:
        return ReferenceSource(origin=OPERATOR, fetch=lambda: _operators(Path(operators)))
    choice = _remembered_choice(job, album, candidates, seed=spec.seed)
    return ReferenceSource(origin=OWN_DATASETS, fetch=lambda: _extract(job, choice)) if choice else None


def _operators(path: Path) -> Path:
    if not path.exists():
        raise BadInput("the images that UNTEACHABLE_REFERENCE_IMAGES names are not on this machine")
    return path


def _remembered_choice(job: RunningJob, album: m.Dataset, candidates: Sequence[m.Dataset], *, seed: int) -> Choice:
    """The choice, which an attempt that resumes must not draw again: datasets may have come and gone."""
    checkpoints = job_checkpoints(job.context, job.claim)
    saved = checkpoints.load(CHECKPOINT)
    if saved is None:
        saved = json.dumps(_choose(job, album, candidates, seed=seed)).encode()
        checkpoints.save(CHECKPOINT, saved)
    choice: Choice = json.loads(saved)
    return choice


def _choose(job: RunningJob, album: m.Dataset, candidates: Sequence[m.Dataset], *, seed: int) -> Choice:
    """The largest classes of all candidates. One that has most file names of the album, or of another, is its copy."""
    rng, seen = np.random.default_rng(seed), [_names(_paths_by_class(job, album))]
    classes: list[tuple[str, str, list[str]]] = []
    for one in candidates:
        found = {name: paths for name, paths in _paths_by_class(job, one).items() if name != NO_LABEL}
        names = _names(found)
        if any(2 * len(names & other) > min(len(names), len(other)) for other in seen):
            continue
        seen.append(names)
        classes += [(one.id, name, paths) for name, paths in found.items()]
    most, choice = min(MAX_IMAGES_PER_CLASS, max(1, album.images)), dict[str, dict[str, list[str]]]()
    for dataset_id, name, paths in sorted(classes, key=lambda found: -len(found[2]))[:MAX_CLASSES]:
        chosen = np.sort(rng.permutation(len(paths))[:most])
        choice.setdefault(dataset_id, {})[name] = [paths[number] for number in chosen]
    return choice


def _paths_by_class(job: RunningJob, dataset: m.Dataset) -> dict[str, list[str]]:
    """The paths of a dataset's images by class; of a large one those of some chunks from its whole length."""
    chunks = -(-dataset.images // image_index.CHUNK_IMAGES)
    found: dict[str, list[str]] = {}
    for chunk in range(0, chunks, -(-chunks // MAX_CHUNKS) or 1):
        try:
            images = image_index.read_images(job.context.files, dataset.id, chunk)
        except FileNotFoundError:
            break  # it was deleted meanwhile, or an earlier release checked it
        for image in images:
            found.setdefault(image.class_name, []).append(image.path)
    return found


def _names(paths: Mapping[str, Sequence[str]]) -> set[str]:
    return {PurePosixPath(path).stem.casefold() for found in paths.values() for path in found}


def _extract(job: RunningJob, choice: Choice) -> Path:
    """Unpack the chosen images into a folder for each class, whose name is a number."""
    folder, label = job.make_folder("reference"), 0
    limits = upload_limits(job.context.settings)
    for number, (dataset_id, classes) in enumerate(choice.items()):
        with job.context.database.read() as session:
            dataset = session.get(m.Dataset, dataset_id)
        if dataset is None or dataset.file_key is None:
            raise BadInput("a dataset with the other classes was deleted meanwhile")
        upload = fetch_file(job, dataset, name=f"reference-{number}")
        raw = job.make_folder(f"reference-{number}-files")
        files = extract_files(upload, [path for paths in classes.values() for path in paths], raw, limits)
        upload.unlink()
        for paths in classes.values():
            target, label = folder / f"class-{label}", label + 1
            target.mkdir()
            for image, path in enumerate(paths):
                if path in files:
                    files[path].rename(target / f"{image}{PurePosixPath(path).suffix}")
    return folder
