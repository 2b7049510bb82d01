"""Table 11: adversarial training in L1 and L2, radius_u 16/255."""

from experiments.paper.grid import BASELINES, Table, baselines, grid, numbers, of_255, rem

DENSE, SPARSE = "L1, dense steps", "L1, sparse steps"
_THREATS = (
    (DENSE, "L1-dense", 1000),
    (DENSE, "L1-dense", 3000),
    ("L2", "L2", 50),
    ("L2", "L2", 100),
    (SPARSE, "L1", 1000),
    (SPARSE, "L1", 3000),
)
_NOT_IN_PAPER = ((None,) * 5,) * 2

TABLE = Table(
    name="table11",
    title="test accuracy (%) after adversarial training in L1 and L2, radius_u 16/255",
    corner=("Norm", "Adv. train. radius"),
    columns=(*BASELINES, "REM"),
    rows=grid(
        (((label, of_255(radius)), {"norm": norm, "radius": radius}) for label, norm, radius in _THREATS),
        [*baselines(16), *rem(16, 8)],
    ),
    paper={
        "cifar10": numbers(
            """
            93.61 18.49 53.74 46.78 29.07
            90.40 69.82 89.65 84.69 55.98
            92.66 44.11 91.30 73.00 32.90
            89.91 82.55 88.70 86.75 62.76
            """
        )
        + _NOT_IN_PAPER,
        "cifar100": numbers(
            """
            72.32 72.03 65.13 47.55 14.49
            67.37 66.77 65.64 64.83 40.84
            70.05 69.52 67.45 65.31 17.43
            65.65 65.25 63.86 63.31 47.16
            """
        )
        + _NOT_IN_PAPER,
    },
    notes=(
        "The paper names no radius_a for REM here; 8/255 is taken, as in Table 8. A radius is that of the norm of an "
        "image's whole perturbation. Dense steps in L1 are those of the official code: the gradient over its L1 norm, "
        "and a perturbation that is too long is shortened. Sparse steps move the 1 % of entries with the largest "
        "gradients, and the projection is exact (docs/lab/norms.md): a stronger adversary, not in the paper.",
    ),
)
