"""Figures of pictures: what is common to Figures 3 to 6. No torch."""

from dataclasses import dataclass

from experiments.cells import Cell, Noise

METHODS = ("em", "tap", "ntga", "rem")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFigure:
    """Images, each noise, and the two together, for each radius_u; REM's radius_a is half of it.

    `dataset` is the one that the paper shows; None for a figure of any.
    """

    name: str
    title: str
    radii_u: tuple[int, ...]
    dataset: str | None
    images: int

    @property
    def cells(self) -> tuple[Cell, ...]:
        """No learner is needed."""
        return ()

    @property
    def noises(self) -> tuple[Noise, ...]:
        """Every noise that is shown."""
        return tuple(noise for radius in self.radii_u for noise in noises_of(radius).values() if noise is not None)


def noises_of(radius_u: int) -> dict[str, Noise | None]:
    """The noise of each column."""
    return {"Clean": None} | {
        method.upper(): Noise(method=method, radius_u=radius_u, radius_a=radius_u // 2 if method == "rem" else 0)
        for method in METHODS
    }
