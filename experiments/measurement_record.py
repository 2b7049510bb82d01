"""What was measured of one cell with one seed, as it is kept on disk."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from experiments.cells import Cell


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One learner's run. Accuracies are fractions 0 to 1; the curves have a point for each of `updates`.

    `train_accuracy` is on the learner's own training images, as it gets them but neither cropped nor attacked.
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
        """On the clean test images at the end of training, which is what the paper reports."""
        return self.test_accuracy[-1]

    def to_json(self, cell: Cell, seed: int) -> dict[str, Any]:
        """For the file of this cell and seed."""
        return {"cell": asdict(cell), "name": cell.name, "seed": seed, "accuracy": self.accuracy, **asdict(self)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Measurement":
        """Back from such a file."""
        found: dict[str, Any] = {f.name: value[f.name] for f in fields(cls)}
        curves = {name: tuple(values) for name, values in found.items() if isinstance(values, list)}
        return cls(**(found | curves))
