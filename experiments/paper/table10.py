"""Table 10: learners train on images smoothed by 3 x 3 filters, radius_u 16/255."""

from experiments.paper.grid import BASELINES, Table, baselines, grid, numbers, of_255, rem

_FILTERS = {"Mean": "mean-3x3", "Median": "median-3x3", "Gaussian": "gaussian-3x3"}

TABLE = Table(
    name="table10",
    title="test accuracy (%) with training images smoothed by 3 x 3 filters, radius_u 16/255",
    corner=("Filter", "Adv. train. radius"),
    columns=(*BASELINES, "REM"),
    rows=grid(
        (
            ((label, of_255(radius)), {"countermeasure": filter, "radius": radius})
            for label, filter in _FILTERS.items()
            for radius in (2, 4, 8)
        ),
        [*baselines(16), *rem(16, 8)],
    ),
    paper={
        "cifar10": numbers(
            """
            84.25 34.87 82.53 40.26 28.60
            80.47 56.41 78.87 57.42 40.32
            74.74 73.42 72.98 67.69 68.70
            87.04 31.86 85.10 30.87 27.36
            83.87 49.33 82.31 48.50 34.06
            78.34 74.02 76.66 67.63 62.14
            86.78 29.71 85.44 41.85 28.70
            83.33 52.47 81.83 58.14 35.13
            77.30 73.84 75.98 70.06 68.19
            """
        ),
        "cifar100": numbers(
            """
            52.42 53.07 51.30 26.49 13.89
            50.89 50.61 50.35 35.46 24.52
            47.73 46.98 46.62 42.03 44.96
            57.69 56.35 55.22 18.14 14.08
            54.77 53.50 53.31 33.05 19.14
            51.09 49.64 48.86 45.13 40.45
            56.64 56.49 55.19 29.05 13.74
            53.44 53.62 53.17 37.39 22.92
            49.75 49.61 48.59 44.55 47.03
            """
        ),
    },
    notes=(
        "The paper names no radius_a for REM here; 8/255 is taken, as in Table 8. Test images are not filtered. "
        "The filters give the bytes of OpenCV, which the paper's official code calls.",
    ),
)
