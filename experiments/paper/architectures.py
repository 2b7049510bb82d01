"""Tables 3 and 9: the noise of one network against learners of five."""

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
    """Networks down, noises across, adversarial training with `radius`."""
    rows = (((short,), {"architecture": key, "radius": radius}) for key, short in FIVE.items())
    return Table(
        name=name,
        title=title,
        corner=("Model",),
        columns=(*BASELINES, *(f"REM radius_a {of_255(radius_a)}" for radius_a in radii_a)),
        rows=grid(rows, [*baselines(radius_u), *rem(radius_u, *radii_a)]),
        paper=paper,
    )
