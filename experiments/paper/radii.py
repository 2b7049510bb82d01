"""Tables 1 and 7: every noise against adversarial training of every radius; both have the same shape."""

from collections.abc import Mapping

from experiments.cells import Noise
from experiments.paper.grid import BASELINES, Numbers, Table, baselines, grid, of_255, rem

SEM = "SEM (Liu et al., AAAI 2024) is not in the paper; it is the default method of every preset but “paper”."


def radii_table(
    name: str,
    *,
    title: str,
    radius_u: int,
    trained: tuple[int, ...],
    radii_a: tuple[int, ...],
    sem: int,
    paper: Mapping[str, Numbers],
) -> Table:
    """A table with a row for each radius of adversarial training and a column for each noise.

    Args:
        name: such as table1.
        title: what it shows.
        radius_u: of all noises, in pixel units of 255.
        trained: radii of adversarial training, in pixel units of 255.
        radii_a: of the REM columns, in pixel units of 255.
        sem: radius_a of the SEM column, which the paper does not have, in pixel units of 255.
        paper: the paper's numbers in per cent, by dataset, without SEM.
    """
    noises = [
        *baselines(radius_u),
        *rem(radius_u, *radii_a),
        Noise(method="sem", radius_u=radius_u, radius_a=sem),
    ]
    return Table(
        name=name,
        title=title,
        corner=("Adv. train. radius",),
        columns=(*BASELINES, *(f"REM radius_a {of_255(r)}" for r in radii_a), f"SEM radius_a {of_255(sem)}"),
        rows=grid((((of_255(r),), {"radius": r}) for r in trained), noises),
        paper={dataset: tuple((*line, None) for line in lines) for dataset, lines in paper.items()},
        notes=(SEM,),
    )
