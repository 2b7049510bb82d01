"""Figures of images: the common parts of Figures 3 to 6. No torch."""

from dataclasses import dataclass

from experiments.cells import Cell, Noise

METHODS = ("em", "tap", "ntga", "rem")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFigure:
    """A figure of images, their noises, and the images with each noise. REM's radius_a is half of radius_u.

    Attributes:
        name: such as figure3.
        title: what it shows.
        radii_u: radii of the noises, in pixel units of 255.
        dataset: the dataset that the paper shows; None if the figure takes any.
        images: how many images it shows for each radius.
    """

    name: str
    title: str
    radii_u: tuple[int, ...]
    dataset: str | None
    images: int

    @property
    def cells(self) -> tuple[Cell, ...]:
        """None: the figure needs no learner."""
        return ()

    @property
    def noises(self) -> tuple[Noise, ...]:
        """Every noise that the figure shows."""
        return tuple(noise for radius in self.radii_u for noise in noises_of(radius).values() if noise is not None)


def noises_of(radius_u: int) -> dict[str, Noise | None]:
    """The noise of each column, by the column's heading. None is the clean image."""
    return {"Clean": None} | {
        method.upper(): Noise(method=method, radius_u=radius_u, radius_a=radius_u // 2 if method == "rem" else 0)
        for method in METHODS
    }
