"""What the caller of a recipe gives besides the job itself: the dataset's place, and where and how to run."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from core.limits import Limits
from core.models.pretrained import load_pretrained
from core.runtime.checkpoints import CheckpointStore, NullCheckpointStore
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.runtime.pieces import NoPieceBoard, PieceBoard
from core.runtime.progress import Callback, Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceSource:
    """Images of other classes, which an album joins in its evidence.

    Attributes:
        origin: Where they come from, as `core.results.joined_classes` names it.
        fetch: Returns the folder or archive that holds them. It is called once the archive is written, and only for an
            album. What cannot be used it raises as BadInput.
    """

    origin: str
    fetch: Callable[[], Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSource:
    """A dataset to read.

    Attributes:
        path: A folder, or a zip or tar archive.
        name: The dataset's name in reports; by default the file's name.
        reference: Images of other classes, for the evidence of an album; None if there are none.
    """

    path: Path
    name: str | None = None
    reference: ReferenceSource | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """Where and how a recipe runs.

    Attributes:
        scratch: An empty folder of the caller for temporary files; the caller may remove it afterwards.
        on_progress: Called with each step of the progress. What it raises, such as `Cancelled`, ends the recipe.
        checkpoints: Holds the state of unfinished work; by default nothing is saved.
        device: Cpu, cuda or cuda:N; by default a GPU if there is one.
        cores: The number of CPU cores to use; by default all.
        limits: The limits of what is read.
        pretrained_weights: A safetensors file with the weights that pretrained learners start from; by default those
            that the extra `pretrained` installs.
        kept_curves: Holds what learners on originals reached, for other jobs of the dataset; by default nothing is
            kept.
        pieces: Where helpers find work of the recipe; by default nobody helps.
    """

    scratch: Path
    on_progress: Callback | None = None
    checkpoints: CheckpointStore = field(default_factory=NullCheckpointStore)
    device: str | None = None
    cores: int | None = None
    limits: Limits = field(default_factory=Limits)
    pretrained_weights: Path | None = None
    kept_curves: CheckpointStore = field(default_factory=NullCheckpointStore)
    pieces: PieceBoard = field(default_factory=NoPieceBoard)

    def context(self) -> RunContext:
        """Open the device, and start the progress. Raises BadInput for a device that this machine does not have,
        and for pretrained weights that cannot be read."""
        if self.pretrained_weights is not None:
            load_pretrained(self.pretrained_weights)
        return RunContext(
            device=Device(self.device, cores=self.cores),
            progress=Progress(self.on_progress),
            checkpoints=self.checkpoints,
            pretrained_weights=self.pretrained_weights,
            kept_curves=self.kept_curves,
            pieces=self.pieces,
        )
