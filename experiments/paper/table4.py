"""Table 4: REM made with and without random transformations (EOT), radius_u 8/255."""

from dataclasses import replace

from experiments.paper.grid import Table, grid, numbers, of_255, rem

_REM = [noise for with_eot in rem(8, 2, 4) for noise in (with_eot, replace(with_eot, eot=False))]

TABLE = Table(
    name="table4",
    title="test accuracy (%) with REM noise made with (EOT) and without (None) random transformations, radius_u 8/255",
    corner=("Adv. train. radius",),
    columns=("Clean", *(f"REM radius_a {of_255(radius)}, {how}" for radius in (2, 4) for how in ("EOT", "None"))),
    rows=grid((((of_255(radius),), {"radius": radius}) for radius in (0, 2, 4)), [None, *_REM]),
    paper={
        "cifar10": numbers(
            """
            94.66 20.60 29.15 27.09 18.55
            92.37 25.41 91.69 30.69 91.76
            89.51 75.14 89.17 48.16 89.41
            """
        ),
        "cifar100": numbers(
            """
            76.27 3.03 4.64 10.14 7.03
            68.91 7.03 68.85 14.15 69.98
            64.50 61.88 63.51 27.10 63.79
            """
        ),
    },
)
