"""Table 6: how long it takes to make each noise."""

from dataclasses import dataclass

from experiments.cells import Cell, Noise


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeCosts:
    """Table 6.

    Attributes:
        name: table6.
        title: what it shows.
        noises: the noises whose making is timed.
        paper: the paper's hours by dataset, in the order of `noises`.
        cells: none, because no learner is trained.
    """

    name: str
    title: str
    noises: tuple[Noise, ...]
    paper: dict[str, tuple[float, ...]]
    cells: tuple[Cell, ...] = ()


TABLE = TimeCosts(
    name="table6",
    title="time to make each noise, radius_u 8/255, REM radius_a 4/255",
    noises=(
        Noise(method="em", radius_u=8),
        Noise(method="tap", radius_u=8),
        Noise(method="ntga", radius_u=8),
        Noise(method="rem", radius_u=8, radius_a=4),
    ),
    paper={
        "cifar10": (0.4, 0.5, 5.2, 22.6),
        "cifar100": (0.4, 0.5, 5.2, 22.6),
        "imagenet": (3.9, 5.2, 14.6, 51.2),
    },
)
