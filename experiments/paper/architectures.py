"""Tables 3 and 9: the noise of one network against learners of five networks."""

from collections.abc import Mapping

from experiments.paper.grid import BASELINES, Numbers, Table, baselines, grid, of_255, rem

FIVE = {
    "vgg16": "VGG-16",
    "resnet18": "RN-18",
    "resnet50": "RN-50",
    "densenet121": "DN-121",
    "wrn34-10": "WRN-34-10",
}


def architectures_table(
    name: str, *, title: str, radius_u: int, radius: int, radii_a: tuple[int, ...], paper: Mapping[str, Numbers]
) -> Table:
    """A table with a row for each network and a column for each noise.

    Args:
        name: such as table3.
        title: what it shows.
        radius_u: of all noises, in pixel units of 255.
        radius: of adversarial training, in pixel units of 255.
        radii_a: of the REM columns, in pixel units of 255.
        paper: the paper's numbers in per cent, by dataset.
    """
    rows = (((short,), {"architecture": key, "radius": radius}) for key, short in FIVE.items())
    return Table(
        name=name,
        title=title,
        corner=("Model",),
        columns=(*BASELINES, *(f"REM radius_a {of_255(radius_a)}" for radius_a in radii_a)),
        rows=grid(rows, [*baselines(radius_u), *rem(radius_u, *radii_a)]),
        paper=paper,
    )
