"""Table 2: test accuracy against the share of the data that is protected, radius_u 8/255."""

from experiments.paper.grid import numbers
from experiments.paper.percentages import paper_rows, percentages_table

TABLE = percentages_table(
    "table2",
    title="test accuracy (%) with different shares protected, radius_u 8/255, REM radius_a 4/255",
    radius_u=8,
    radius_a=4,
    trained=(2, 4),
    paper={
        "cifar10": paper_rows(
            92.37,
            (91.30, 90.31, 88.65, 83.37),
            numbers(
                """
                92.26 91.94 91.81 91.14 71.43
                92.17 91.62 91.32 91.48 90.53
                92.41 92.19 92.23 91.74 85.13
                92.36 90.22 88.45 82.98 30.69
                """
            ),
        )
        + paper_rows(
            89.51,
            (88.17, 86.76, 85.07, 79.41),
            numbers(
                """
                89.60 89.40 89.49 89.10 88.62
                89.01 88.66 88.40 88.04 88.02
                89.56 89.35 89.22 89.17 88.96
                89.60 89.34 89.61 88.09 48.16
                """
            ),
        ),
        "cifar100": paper_rows(
            68.91,
            (66.54, 64.21, 58.35, 47.99),
            numbers(
                """
                68.51 68.72 67.96 68.44 68.49
                68.05 67.83 67.75 67.27 66.91
                68.52 68.82 68.36 68.71 66.53
                69.00 68.20 60.75 52.33 14.15
                """
            ),
        )
        + paper_rows(
            64.50,
            (61.73, 57.61, 53.86, 44.79),
            numbers(
                """
                63.86 64.24 63.62 63.37 63.43
                63.21 63.01 62.95 62.90 62.39
                63.48 63.59 63.64 62.83 62.44
                63.75 63.99 64.36 63.05 27.10
                """
            ),
        ),
    },
)
