"""Table 3: test accuracy of five networks after adversarial training with 4/255, radius_u 8/255."""

from experiments.paper.architectures import architectures_table
from experiments.paper.grid import numbers

TABLE = architectures_table(
    "table3",
    title="test accuracy (%) of different networks, adversarial training with 4/255, radius_u 8/255",
    radius_u=8,
    radius=4,
    radii_a=(2, 4),
    paper={
        "cifar10": numbers(
            """
            87.51 86.48 86.27 86.65 75.97 65.23
            89.51 88.62 88.02 88.96 75.14 48.16
            89.79 89.28 88.45 88.79 73.59 40.65
            83.27 82.44 81.72 80.73 77.82 81.48
            91.21 90.05 90.23 89.95 73.98 48.39
            """
        ),
        "cifar100": numbers(
            """
            57.14 56.94 55.24 55.81 56.50 48.85
            63.43 64.17 62.39 62.44 61.88 27.10
            66.93 66.43 64.44 64.91 61.30 26.03
            53.73 53.52 52.93 52.40 54.19 54.48
            68.64 68.27 65.80 67.41 64.11 25.04
            """
        ),
    },
)
