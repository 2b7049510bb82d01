"""The measurement of one cell with one seed, and its form on disk."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from experiments.cells import Cell


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """The training of one learner. Accuracies are fractions from 0 to 1. Curves have one point for each of `updates`.

    Attributes:
        network: the architecture that was trained.
        updates: the number of updates at each point of the curves.
        test_accuracy: accuracy on the clean test images, a curve.
        train_accuracy: accuracy on the learner's own training images, neither cropped nor attacked, a curve.
        loss: mean training loss since the previous point, a curve.
        seconds: wall-clock time of the training, over all its runs.
        device: where the learner was trained.
        versions: version of each library.
    """

    network: str
    updates: tuple[int, ...]
    test_accuracy: tuple[float, ...]
    train_accuracy: tuple[float, ...]
    loss: tuple[float, ...]
    seconds: float
    device: str
    versions: dict[str, str]

    @property
    def accuracy(self) -> float:
        """The accuracy on the clean test images at the end of training, which the paper reports."""
        return self.test_accuracy[-1]

    def to_json(self, cell: Cell, seed: int) -> dict[str, Any]:
        """The content of the file of this cell and seed."""
        return {"cell": asdict(cell), "name": cell.name, "seed": seed, "accuracy": self.accuracy, **asdict(self)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Measurement":
        """The measurement from the content of its file."""
        found: dict[str, Any] = {f.name: value[f.name] for f in fields(cls)}
        curves = {name: tuple(values) for name, values in found.items() if isinstance(values, list)}
        return cls(**(found | curves))
