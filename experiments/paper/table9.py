"""Table 9: test accuracy of five networks after adversarial training with 8/255, radius_u 16/255."""

from experiments.paper.architectures import architectures_table
from experiments.paper.grid import numbers

TABLE = architectures_table(
    "table9",
    title="test accuracy (%) of different networks, adversarial training with 8/255, radius_u 16/255",
    radius_u=16,
    radius=8,
    radii_a=(4, 8),
    paper={
        "cifar10": numbers(
            """
            79.92 63.18 77.73 69.99 63.02 41.17
            84.79 64.71 82.56 74.50 63.49 36.37
            79.92 61.32 82.59 72.39 57.84 31.91
            75.75 67.70 74.35 66.56 62.39 58.70
            86.36 65.42 84.19 76.42 64.91 37.51
            """
        ),
        "cifar100": numbers(
            """
            45.67 45.56 43.42 38.83 48.44 22.54
            58.27 56.66 55.30 50.81 54.55 23.29
            60.15 58.34 56.67 51.88 54.68 21.19
            48.28 47.12 46.74 41.05 47.36 42.87
            60.95 58.50 57.92 54.47 58.22 22.67
            """
        ),
    },
)
