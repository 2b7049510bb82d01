"""Each image of an upload is decoded once, which tells those that can be used from those that cannot."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.imaging.sandbox import DecoderSandbox, SandboxResult, SandboxTask
from core.imaging.sandbox_protocol import MODES
from core.ingest.folder_names import Split
from core.ingest.layout_reading import Layout
from core.ingest.unpack import UnpackedFile
from core.limits import SkippedFile
from core.runtime.progress import Progress
from core.specs.protect import NO_LABEL


@dataclass(frozen=True, slots=True)
class DecodedFile:
    """An image that can be decoded, and the class and split that the layout gives it."""

    file: UnpackedFile
    class_name: str
    split: Split | None
    result: SandboxResult


def decode_files(
    files: Sequence[UnpackedFile], layout: Layout, sandbox: DecoderSandbox, progress: Progress
) -> tuple[list[DecodedFile], list[SkippedFile]]:
    """Decode images once.

    Args:
        files: Their files.
        layout: The class and the split of each.
        sandbox: Decodes them.
        progress: Reports the stage "decoding", and may stop it.

    Returns:
        Those that can be decoded, and the rest as skipped.
    """
    skipped: list[SkippedFile] = []
    decoded: list[DecodedFile] = []
    progress.start("decoding", len(files))
    results = sandbox.map((SandboxTask(op="probe", file=file.disk_path) for file in files), tick=progress.tick)
    for file, (_, result) in zip(files, results, strict=True):
        reason = result.refused or _invalid_probe(result)
        if reason:
            skipped.append(SkippedFile(file.path, reason))
        else:
            placement = layout.placements[file.path]
            decoded.append(DecodedFile(file, placement.label or NO_LABEL, placement.split, result))
        progress.advance()
    progress.finish()
    return decoded, skipped


def _invalid_probe(result: SandboxResult) -> str | None:
    """The reason to skip an image whose result has an invalid form: a hijacked decoder may send anything."""
    values = result.values
    valid = (
        all(type(values.get(edge)) is int and values[edge] > 0 for edge in ("width", "height"))
        and values.get("mode") in MODES
        and isinstance(values.get("format"), str)
        and isinstance(values.get("note"), str | None)
    )
    return None if valid else "it crashed the decoder"
