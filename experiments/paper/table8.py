"""Table 8: test accuracy against the share of the data that is protected, radius_u 16/255.

Our copy of the paper lacks a number in the first row (EM, 4/255, CIFAR-10). It is unknown which of 40, 60 and 80 % the
remaining numbers of this row belong to, so they are left out.
"""

from experiments.paper.grid import numbers
from experiments.paper.percentages import paper_rows, percentages_table

TABLE = percentages_table(
    "table8",
    title="test accuracy (%) with different shares protected, radius_u 16/255, REM radius_a 8/255",
    radius_u=16,
    radius_a=8,
    trained=(4, 8),
    paper={
        "cifar10": paper_rows(
            89.51,
            (88.17, 86.76, 85.07, 79.41),
            numbers(
                """
                89.45 - - - 41.95
                88.80 88.64 87.50 87.83 87.60
                89.63 88.70 87.11 83.32 32.80
                89.08 87.00 85.05 79.00 28.31
                """
            ),
        )
        + paper_rows(
            84.79,
            (83.25, 81.54, 79.29, 73.21),
            numbers(
                """
                84.20 84.37 83.70 82.91 64.71
                84.24 83.58 83.42 83.09 82.56
                84.62 84.18 84.48 83.26 74.50
                84.85 83.99 83.15 80.05 36.37
                """
            ),
        ),
        "cifar100": paper_rows(
            64.50,
            (61.73, 57.61, 53.86, 44.79),
            numbers(
                """
                64.27 63.26 63.86 61.45 35.65
                63.00 62.69 62.65 60.99 61.48
                63.47 63.09 63.14 58.72 18.43
                63.01 59.90 54.52 47.27 14.46
                """
            ),
        )
        + paper_rows(
            58.27,
            (55.00, 50.72, 46.29, 39.65),
            numbers(
                """
                57.44 57.70 57.14 57.27 56.66
                57.75 57.15 56.32 55.73 55.30
                57.49 56.35 55.69 53.92 50.81
                57.78 58.12 57.69 55.30 23.29
                """
            ),
        ),
    },
)
