"""What a long computation needs from its caller: a device, a progress to report to, and a checkpoint store."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from core.runtime.checkpoints import CheckpointStore, NullCheckpointStore
from core.runtime.device import Device
from core.runtime.pieces import NoPieceBoard, PieceBoard
from core.runtime.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """The environment of one computation. It does not change the result, other than by the pretrained weights.

    Attributes:
        device: The CPU or the GPU that computes.
        progress: Counts the finished units of work, and raises `Cancelled` when the work should stop.
        checkpoints: Holds the state of unfinished work; by default nothing is saved.
        pretrained_weights: A safetensors file with the weights that pretrained learners start from; by default those
            that the extra `pretrained` installs (`core.models.pretrained`).
        kept_curves: Holds what learners on originals reached, for later computations on the same dataset; by default
            nothing is kept.
        pieces: Where helpers find work of this computation; by default nobody helps.
    """

    device: Device
    progress: Progress = field(default_factory=Progress)
    checkpoints: CheckpointStore = field(default_factory=NullCheckpointStore)
    pretrained_weights: Path | None = None
    kept_curves: CheckpointStore = field(default_factory=NullCheckpointStore)
    pieces: PieceBoard = field(default_factory=NoPieceBoard)

    def with_progress(self, progress: Progress) -> "RunContext":
        """The same context with another progress, such as one that counts in other units."""
        return replace(self, progress=progress)

    def with_checkpoints(self, checkpoints: CheckpointStore) -> "RunContext":
        """The same context with another checkpoint store, such as one part of this one."""
        return replace(self, checkpoints=checkpoints)
