"""Tables 2 and 8: a share of the data is protected. Learners train on all data ("mixed") or on the rest ("clean")."""

from collections.abc import Iterator, Mapping

from experiments.cells import Cell, Noise
from experiments.paper.grid import Numbers, Table, TableRow, of_255

SHARES = (20, 40, 60, 80)
METHODS = ("em", "tap", "ntga", "rem")


def percentages_table(
    name: str, *, title: str, radius_u: int, radius_a: int, trained: tuple[int, ...], paper: Mapping[str, Numbers]
) -> Table:
    """A table with a row for each radius and noise, and columns for each share.

    The clean columns do not depend on the noise: the four rows of a radius share their cells.

    Args:
        name: such as table2.
        title: what it shows.
        radius_u: of all noises, in pixel units of 255.
        radius_a: of REM, in pixel units of 255.
        trained: radii of adversarial training, in pixel units of 255.
        paper: the paper's numbers in per cent, by dataset.
    """
    share_columns = [f"{share}% {rest}" for share in SHARES for rest in ("mixed", "clean")]
    return Table(
        name=name,
        title=title,
        corner=("Adv. train. radius", "Noise"),
        columns=("0%", *share_columns, "100%"),
        rows=tuple(
            TableRow(labels=(of_255(radius), method.upper()), cells=tuple(_cells(method, radius, radius_u, radius_a)))
            for radius in trained
            for method in METHODS
        ),
        paper=paper,
        notes=(
            "The noise is made for all images and put on a random share of each class; the learner takes as many "
            "updates as on all images.",
        ),
    )


def _cells(method: str, radius: int, radius_u: int, radius_a: int) -> Iterator[Cell]:
    noise = Noise(method=method, radius_u=radius_u, radius_a=radius_a if method == "rem" else 0)
    yield Cell(radius=radius)
    for share in SHARES:
        yield Cell(noise=noise, radius=radius, percentage=share)
        yield Cell(radius=radius, percentage=share, rest="clean")
    yield Cell(noise=noise, radius=radius)


def paper_rows(nothing: float, clean: tuple[float, ...], noises: tuple[tuple[float | None, ...], ...]) -> Numbers:
    """The paper's numbers for the rows of one radius.

    Args:
        nothing: accuracy with 0 % protected.
        clean: accuracy on the clean rest of each share.
        noises: for each noise its accuracy with each mixed share, then with 100 % protected.
    """
    return tuple(
        (nothing, *(value for pair in zip(mixed, clean, strict=True) for value in pair), whole)
        for *mixed, whole in noises
    )
