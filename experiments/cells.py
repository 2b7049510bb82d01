"""What one number of the paper depends on. Equal cells are one measurement, whichever tables ask for it. No torch."""

from dataclasses import dataclass
from typing import Literal

ADVERSARIAL = ("rem", "sem")  # the methods that have a radius_a


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """One defensive noise; radii in pixel units of 255. Raises ValueError for a radius_a that the method has not."""

    method: str
    radius_u: int
    radius_a: int = 0
    eot: bool = True

    def __post_init__(self) -> None:
        if self.radius_a and self.method not in ADVERSARIAL:
            raise ValueError(f"{self.method} has no radius_a")

    @property
    def name(self) -> str:
        """A name for people and for files, such as rem-u8-a4."""
        parts = [self.method, f"u{self.radius_u}"]
        parts += [f"a{self.radius_a}"] if self.method in ADVERSARIAL else []
        return "-".join(parts if self.eot else [*parts, "plain"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One learner's test accuracy: the noise in its data, the adversary of its training, its network, its filter.

    `percentage` of the images carry the noise, and the learner gets all images (`rest` "mixed") or only those outside
    that share (`rest` "clean", so no noise). Without noise and with `rest` "mixed" all images are clean.
    Raises ValueError where two ways to write one cell would make two files.
    """

    noise: Noise | None = None
    radius: int = 0  # of the adversary, in pixel units of 255; 0 is standard training
    norm: str = "Linf"
    architecture: str = "resnet18"
    countermeasure: str | None = None
    percentage: int = 100
    rest: Literal["mixed", "clean"] = "mixed"

    def __post_init__(self) -> None:
        if not self.radius and self.norm != "Linf":
            raise ValueError("standard training has no norm: leave it Linf")
        if self.rest == "clean" and (self.noise is not None or not 0 < self.percentage < 100):
            raise ValueError("the clean rest has no noise, and is what 1 to 99 % leave over")
        if self.rest == "mixed" and self.noise is None and self.percentage != 100:
            raise ValueError("without noise the percentage means nothing: leave it 100")
        if not 0 < self.percentage <= 100:
            raise ValueError(f"percentage must be 1 to 100, not {self.percentage}")

    @property
    def name(self) -> str:
        """A name for people and for files, such as rem-u8-a4.linf-4.resnet18; two cells never share one."""
        parts = [self._data, f"{self.norm.lower()}-{self.radius}" if self.radius else "standard", self.architecture]
        return ".".join([*parts, self.countermeasure] if self.countermeasure else parts)

    @property
    def _data(self) -> str:
        if self.rest == "clean":
            return f"clean-without-{self.percentage}"
        if self.noise is None:
            return "clean"
        return self.noise.name if self.percentage == 100 else f"{self.noise.name}-on-{self.percentage}"
