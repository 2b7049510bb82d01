"""What is known of learners other than those that a report measured: plain sentences."""

from collections.abc import Iterator

from core.reports.photograph_caveats import TEXTURES_UNDONE, texture_caveats, texture_countermeasures
from core.results.evidence import Evidence, EvidenceRow
from core.specs.catalog import HOW_TO_GET_WEIGHTS
from core.specs.configs import Preset
from core.specs.photographs import FINE_TUNING_SCHEDULES
from core.specs.protect import TEXTURE, ProtectSpec

NON_ROBUST_METHODS = ("em", "tap", "ntga")
"""Methods whose search for noise has no adversary."""


def learner_caveats(spec: ProtectSpec, evidence: Evidence, *, uses_greyscale_surrogate: bool) -> Iterator[str]:
    """What is known of learners other than the measured ones.

    Args:
        spec: How the noise was made.
        evidence: What was measured.
        uses_greyscale_surrogate: Whether the noise comes from a generator that was trained on greyscale images as well.
    """
    rows = evidence.rows
    radii = _largest_radii(rows)
    yield (
        "Adversarial training weakens the noise, and a larger radius weakens it more. "
        + (TEXTURES_UNDONE if spec.method == TEXTURE else _noise_undone(spec))
        + (f"Radii above {_list_radii(radii)} were not measured." if radii else "No radius was measured here.")
    )
    if spec.method in NON_ROBUST_METHODS:
        yield (
            f"{spec.method.upper()} noise is not made to withstand adversarial training. In published measurements "
            "with a noise radius of 8 of 255, a radius of 4 of 255 undid nearly all of the protection (Fu et al. 2022, "
            "Table 1)."
        )
    elif not spec.eot and spec.method != TEXTURE:
        yield (
            "The noise was searched without random crops and flips, as requested. In the published measurements of "
            "REM, adversarial training with a radius of 2 of 255 undid such noise (Fu et al. 2022, Table 4)."
        )
    yield from texture_caveats(spec)
    yield _countermeasures(spec, rows, uses_greyscale_surrogate=uses_greyscale_surrogate)
    yield "Purification, such as passing the images through a diffusion model, can remove the noise. Not measured."
    yield _pretrained_models(rows)
    if rows:
        learners = ", ".join(sorted({row.architecture for row in rows}))
        sizes = " and ".join(f"{size} x {size}" for size in sizes_of(evidence))
        yield (
            f"The measured learner{'s' if ',' in learners else ''}: {learners}, at {sizes} pixels. No other was tried, "
            "and another kind may learn much more."
        )
    yield (
        "The noise is made against learning these classes. Other labels, and generative models trained on the images, "
        "were not measured."
    )


def _noise_undone(spec: ProtectSpec) -> str:
    return (
        f"It undoes most of the protection beyond about {spec.radius_u / 2:g} of 255 (half of the noise radius) in "
        "Linf. "
    )


def adversary_caveat(evidence: Evidence, preset: Preset, amount: str) -> Iterator[str]:
    """How the adversary of adversarial training searched, if there was one.

    Args:
        evidence: What was measured.
        preset: The preset whose learners were trained.
        amount: The amount of evidence whose schedules they had, "quick" or "full".
    """
    pretrained = {row.is_pretrained for row in evidence.rows if row.training == "adversarial"}
    schedules = [(FINE_TUNING_SCHEDULES if one else preset.schedules)[amount] for one in pretrained]
    if schedules:
        steps = " or ".join(str(count) for count in sorted({schedule.attack_steps for schedule in schedules}))
        yield (
            f"The adversary of the adversarial training took {steps} steps of projected gradient descent; in the "
            "published measurements it took 10."
        )


def sizes_of(evidence: Evidence) -> list[int]:
    """The sizes in pixels at which learners saw the images, in ascending order."""
    return sorted({row.image_size or evidence.image_size for row in evidence.rows} or {evidence.image_size})


def _pretrained_models(rows: tuple[EvidenceRow, ...]) -> str:
    if any(row.is_pretrained for row in rows):
        return (
            "The pretrained network is a small one, EfficientNet-Lite0 with the weights of ImageNet. Larger ones, and "
            "those that were trained on many more images, learn more from protected images. Not measured."
        )
    why = f", because the weights are not on this machine: {HOW_TO_GET_WEIGHTS}" if _on_photographs(rows) else ""
    started = "The measured models start from random weights. " if rows else ""
    return (
        f"{started}Fine-tuning a model that was pretrained on other images learns more from protected images. "
        f"No such model was measured{why}."
    )


def _on_photographs(rows: tuple[EvidenceRow, ...]) -> bool:
    """Whether the rows are those of photographs, among which pretrained learners belong where there are weights."""
    return any(row.image_size is not None for row in rows)


def _countermeasures(spec: ProtectSpec, rows: tuple[EvidenceRow, ...], *, uses_greyscale_surrogate: bool) -> str:
    known = (
        "Half to two thirds of the accuracy that the noise takes came back on CIFAR-10, and all of it on Tiny ImageNet "
        "with greyscale (SEM by a generator that ships, standard training)."
        if uses_greyscale_surrogate
        else "Where this was measured, most or all of the accuracy that the noise takes came back (SEM, CIFAR-10, "
        "standard training)."
    )
    tried = sorted({row.countermeasure for row in rows if row.countermeasure is not None})
    here = f"Measured here: {', '.join(tried)}; nothing else." if tried else "None of them was measured here."
    if spec.method == TEXTURE:
        return texture_countermeasures(here)
    return (
        "Greyscale conversion, strong JPEG compression and strong random colour changes before training weaken the "
        f"noise. {known} {here}"
    )


def _largest_radii(rows: tuple[EvidenceRow, ...]) -> dict[str, int]:
    """The largest radius of adversarial training by norm."""
    largest: dict[str, int] = {}
    for row in rows:
        if row.training == "adversarial":
            norm = row.norm or "Linf"
            largest[norm] = max(row.radius, largest.get(norm, 0))
    return largest


def _list_radii(radii: dict[str, int]) -> str:
    """'4', or '4 in Linf and 100 in L2', or '4 in Linf, 100 in L2 and 3000 in L1'."""
    if list(radii) == ["Linf"]:
        return str(radii["Linf"])
    parts = [f"{radius} in {norm}" for norm, radius in radii.items()]
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))
