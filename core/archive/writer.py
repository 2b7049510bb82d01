"""The protected archive: the upload's own tree with noise in its pictures, and beside it what says how it was made.

Written under a temporary name and renamed at a clean end, so that nothing that looks complete is ever incomplete. The
same input gives the same bytes: fixed order, fixed times.
"""

import hashlib
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.archive.member_names import OURS, delivered_names, free_name
from core.errors import BadInput
from core.filenames import fold
from core.imaging.sandbox import DecoderSandbox, SandboxResult, SandboxTask
from core.ingest.dataset import ImageDataset, ImageRecord, blank, read_pixels, sandbox_for
from core.limits import SkippedFile
from core.runtime.atomic_files import renamed
from core.runtime.progress import Progress

CHUNK = 1 << 20
SECONDS_A_PIXEL = 5e-6  # ten times what a photo took: 100 megapixels on a busy machine are no hang


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What a learner gets to see: the encoded pictures read again, at the work size, in the dataset's order.

    pixels: uint8 (n, c, s, s). linf, mae, mse: float (n,), of 255, against the upload at full size. paths: the name of
    each in the archive, None for one that could not be written (its row then holds the upload's own pixels).
    """

    pixels: NDArray[np.uint8]
    linf: NDArray[np.float64]
    mae: NDArray[np.float64]
    mse: NDArray[np.float64]
    paths: tuple[str | None, ...]


@dataclass(kw_only=True)
class Archive:
    """An archive that is being written. Put what MANIFEST.json should say of the job into `about`."""

    delivered: Delivered
    skipped: list[SkippedFile]
    about: dict[str, Any] = field(default_factory=dict)
    _zip: zipfile.ZipFile
    _files: list[dict[str, Any]]

    def add(self, name: str, data: bytes | str) -> None:
        """Put one more file, such as report.json, at the root."""
        content = data.encode() if isinstance(data, str) else data
        _write(self._zip, name, content, zipfile.ZIP_DEFLATED)
        self._files.append(_entry(name, content))

    def read(self, name: str) -> bytes:
        """The bytes of a file that has been written. Raises KeyError where there is none of that name."""
        return self._zip.read(name)

    def manifest(self) -> dict[str, Any]:
        """What MANIFEST.json will say: `about`, every file with size and sha256, and what was skipped and why."""
        skipped = [{"path": one.path, "reason": one.reason} for one in self.skipped]
        return self.about | {"files": self._files, "skipped": skipped}


@contextmanager
def write_archive(
    dataset: ImageDataset,
    noise: NDArray[np.int8],
    out: Path,
    *,
    radius: int,
    work_size: int,
    protected: NDArray[np.bool_] | None = None,
    format: str = "png",
    keep_exif: bool = False,
    progress: Progress | None = None,
    sandbox: DecoderSandbox | None = None,
) -> Iterator[Archive]:
    """Write the pictures of a dataset with noise, int8 (n, c, work_size, work_size), and what passes through.

    Yields the archive with what was delivered, for evidence to be taken and `add`ed; at a clean end MANIFEST.json is
    added and the file becomes `out`. Pictures that are not `protected` (bool (n,); None: all are) get the same
    treatment with no noise. Lossless formats keep every colour value within `radius` (of 255) of the upload.
    """
    progress = progress or Progress()
    shares = np.ones(len(dataset.pictures), bool) if protected is None else protected
    _check(dataset, noise, shares, work_size)
    with renamed(out) as part, zipfile.ZipFile(part, "w", strict_timestamps=True) as archive:
        files: list[dict[str, Any]] = []
        settings = {"size": work_size, "radius": radius, "format": format, "keep_exif": keep_exif}
        with sandbox_for(sandbox, dataset.limits) as sandbox:
            delivered, failed = _pictures(dataset, noise, shares, archive, files, settings, sandbox, progress)
        _pass_others(dataset, archive, files, progress)
        skipped = sorted([*dataset.skipped, *failed], key=lambda one: one.path)
        whole = Archive(delivered=delivered, skipped=skipped, _zip=archive, _files=files)
        yield whole
        text = json.dumps(whole.manifest(), indent=1, ensure_ascii=False)
        _write(archive, "MANIFEST.json", text.encode(), zipfile.ZIP_DEFLATED)


def _check(dataset: ImageDataset, noise: NDArray[np.int8], shares: NDArray[np.bool_], size: int) -> None:
    count = len(dataset.pictures)
    if noise.dtype != np.int8 or noise.shape != (count, dataset.channels, size, size):
        raise ValueError(f"noise must be int8 {(count, dataset.channels, size, size)}, not {noise.dtype} {noise.shape}")
    if shares.shape != (count,):
        raise ValueError(f"protected must be bool {(count,)}, not {shares.shape}")


def _pictures(
    dataset: ImageDataset,
    noise: NDArray[np.int8],
    shares: NDArray[np.bool_],
    archive: zipfile.ZipFile,
    files: list[dict[str, Any]],
    settings: dict[str, Any],
    sandbox: DecoderSandbox,
    progress: Progress,
) -> tuple[Delivered, list[SkippedFile]]:
    """Every picture through the sandbox and into the archive, in order; those that fail there are skipped."""
    args = settings | {"channels": dataset.channels}
    described = [(p.path, p.format, p.mode) for p in dataset.pictures]
    names = delivered_names(described, [other.path for other in dataset.others], settings["format"])
    still = bytes(noise[:1].nbytes)
    tasks = (
        SandboxTask(
            op="protect",
            file=p.file,
            args=args,
            blobs=(noise[i].tobytes() if shares[i] else still,),
            extra=p.width * p.height * SECONDS_A_PIXEL,
        )
        for i, p in enumerate(dataset.pictures)
    )
    pixels = blank(noise.shape)
    figures = np.zeros((3, len(names)))
    paths: list[str | None] = []
    failed: list[SkippedFile] = []
    progress.start("writing", len(names))
    for i, (_, answer) in enumerate(sandbox.map(tasks, tick=progress.tick)):
        picture = dataset.pictures[i]
        reason = _unusable(answer, picture, pixels[i].nbytes)
        if reason is None:
            _write(archive, names[i], answer.blobs[0], zipfile.ZIP_STORED)
            files.append(_entry(names[i], answer.blobs[0], was=picture.path, protected=bool(shares[i])))
            pixels[i] = read_pixels(answer, 1, pixels[i].shape, picture.path)
            figures[:, i] = [answer.values[key] for key in ("linf", "mae", "mse")]
        else:
            failed.append(SkippedFile(picture.path, reason))
            pixels[i] = _unchanged(picture, pixels[i].shape, sandbox)
        paths.append(names[i] if reason is None else None)
        progress.advance()
    if len(failed) == len(paths):
        raise BadInput(f"Not one picture could be written. The first: “{failed[0].path}” {failed[0].reason}.")
    linf, mae, mse = figures
    return Delivered(pixels=pixels, linf=linf, mae=mae, mse=mse, paths=tuple(paths)), failed


def _unusable(answer: SandboxResult, picture: ImageRecord, size: int) -> str | None:
    """Why an answer of the sandbox, which is not believed blindly, cannot be delivered; None where it can."""
    if answer.refused is not None:
        return answer.refused
    if answer.sha256 != picture.sha256:
        return "its file changed while it was being protected"
    figures = [answer.values.get(key) for key in ("linf", "mae", "mse")]
    sound = all(type(figure) is float and 0 <= figure <= 255**2 for figure in figures)
    return None if sound and len(answer.blobs) == 2 and len(answer.blobs[1]) == size else "it crashed the encoder"


def _unchanged(picture: ImageRecord, shape: tuple[int, ...], sandbox: DecoderSandbox) -> NDArray[np.uint8]:
    task = SandboxTask(op="pixels", file=picture.file, args={"size": shape[-1], "channels": shape[0]})
    [(_, answer)] = sandbox.map([task])
    return read_pixels(answer, 0, shape, picture.path) if answer.refused is None else np.zeros(shape, np.uint8)


def _pass_others(
    dataset: ImageDataset, archive: zipfile.ZipFile, files: list[dict[str, Any]], progress: Progress
) -> None:
    """Copy the files that are no pictures; one that is called as one of ours gets another name, which is recorded."""
    taken = {fold(name) for name in (*OURS, *(file["path"] for file in files), *(o.path for o in dataset.others))}
    ours = {fold(name) for name in OURS}
    for other in dataset.others:
        name = free_name(other.path, taken) if fold(other.path) in ours else other.path
        taken.add(fold(name))
        digest, size = hashlib.sha256(), other.file.stat().st_size
        info = _info(name, zipfile.ZIP_DEFLATED)
        info.file_size = size
        with other.file.open("rb") as source, archive.open(info, "w") as target:
            while piece := source.read(CHUNK):
                digest.update(piece)
                target.write(piece)
                progress.tick()
        renamed = {"was": other.path} if name != other.path else {}
        files.append({"path": name, "bytes": size, "sha256": digest.hexdigest(), **renamed})


def _entry(name: str, content: bytes, *, was: str | None = None, protected: bool | None = None) -> dict[str, Any]:
    entry: dict[str, Any] = {"path": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    if was is not None and was != name:
        entry["was"] = was
    return entry if protected is None else entry | {"protected": protected}


def _info(name: str, compression: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    info.compress_type = compression
    info.create_system = 3
    info.external_attr = 0o100644 << 16
    return info


def _write(archive: zipfile.ZipFile, name: str, content: bytes, compression: int) -> None:
    archive.writestr(_info(name, compression), content)
