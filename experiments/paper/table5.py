"""Table 5: the settings of the noise searches. Nothing is measured: our settings are those of the scale's preset."""

from dataclasses import dataclass

from experiments.cells import Cell, Noise


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """Table 5.

    Attributes:
        name: table5.
        title: what it shows.
        paper: by dataset and method the step size as a share of radius_u, the steps, and the same for radius_a.
        cells: none, because nothing is measured.
        noises: none, because nothing is measured.
    """

    name: str
    title: str
    paper: dict[str, dict[str, tuple[str, str, str, str]]]
    cells: tuple[Cell, ...] = ()
    noises: tuple[Noise, ...] = ()


_CIFAR = {
    "em": ("1/5", "10", "-", "-"),
    "tap": ("1/125", "250", "-", "-"),
    "ntga": ("1.1/10", "10", "-", "-"),
    "rem": ("1/5", "10", "1/5", "10"),
}

TABLE = SearchSettings(
    name="table5",
    title="settings of the searches for noise",
    paper={
        "cifar10": _CIFAR,
        "cifar100": _CIFAR,
        "imagenet": {
            "em": ("1/5", "7", "-", "-"),
            "tap": ("1/50", "100", "-", "-"),
            "ntga": ("1.1/8", "8", "-", "-"),
            "rem": ("1/4", "7", "1/5", "10"),
        },
    },
)
