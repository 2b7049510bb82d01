"""What one number of the paper depends on. Tables that contain equal cells share one measurement. No torch."""

from dataclasses import dataclass
from typing import Literal

ADVERSARIAL = ("rem", "sem")  # the methods that have a radius_a


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """One defensive noise.

    Attributes:
        method: "em", "tap", "ntga", "rem" or "sem".
        radius_u: of the noise, in pixel units of 255.
        radius_a: of the simulated adversary, in pixel units of 255.
        eot: whether the noise is made with random transformations.

    Raises:
        ValueError: if the method has no radius_a but one is given.
    """

    method: str
    radius_u: int
    radius_a: int = 0
    eot: bool = True

    def __post_init__(self) -> None:
        if self.radius_a and self.method not in ADVERSARIAL:
            raise ValueError(f"{self.method} has no radius_a")

    @property
    def name(self) -> str:
        """The identifier in pages and file names, such as rem-u8-a4."""
        parts = [self.method, f"u{self.radius_u}"]
        parts += [f"a{self.radius_a}"] if self.method in ADVERSARIAL else []
        return "-".join(parts if self.eot else [*parts, "plain"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """The test accuracy of one learner, and what it depends on.

    Attributes:
        noise: the noise of the training images, or None if all of them are clean.
        radius: of the adversary of its training, in pixel units of 255; 0 is standard training.
        norm: of this adversary, a key of `core.attacks.norms.ALL_BALLS`.
        architecture: the paper's network.
        countermeasure: a key of `core.countermeasures.registry.COUNTERMEASURES`, or None.
        percentage: share of the training images that carry the noise.
        rest: "mixed" trains on all images, "clean" only on the images outside the share, which carry no noise.

    Raises:
        ValueError: for a second way to write the same cell, because the name identifies its file.
    """

    noise: Noise | None = None
    radius: int = 0
    norm: str = "Linf"
    architecture: str = "resnet18"
    countermeasure: str | None = None
    percentage: int = 100
    rest: Literal["mixed", "clean"] = "mixed"

    def __post_init__(self) -> None:
        if not self.radius and self.norm != "Linf":
            raise ValueError("standard training has no norm: leave it Linf")
        if self.rest == "clean" and (self.noise is not None or not 0 < self.percentage < 100):
            raise ValueError("the clean rest has no noise, and needs a percentage from 1 to 99")
        if self.rest == "mixed" and self.noise is None and self.percentage != 100:
            raise ValueError("without noise the percentage has no meaning: leave it 100")
        if not 0 < self.percentage <= 100:
            raise ValueError(f"percentage must be 1 to 100, not {self.percentage}")

    @property
    def name(self) -> str:
        """The identifier in pages and file names, such as rem-u8-a4.linf-4.resnet18. Every cell has its own."""
        parts = [self._data, f"{self.norm.lower()}-{self.radius}" if self.radius else "standard", self.architecture]
        return ".".join([*parts, self.countermeasure] if self.countermeasure else parts)

    @property
    def _data(self) -> str:
        if self.rest == "clean":
            return f"clean-without-{self.percentage}"
        if self.noise is None:
            return "clean"
        return self.noise.name if self.percentage == 100 else f"{self.noise.name}-on-{self.percentage}"
