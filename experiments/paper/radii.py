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
    """Radii of adversarial training down, noises across; REM at each of `radii_a`, and SEM at the radius_a `sem`."""
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
