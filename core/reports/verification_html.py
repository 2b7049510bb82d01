"""The report of a verification as one HTML page without scripts or links: heat map, curves, caveats. No torch."""

from core.reports.charts import ARM_NAMES, curve_charts
from core.reports.heatmap import heat_map, training_label
from core.reports.survival import verification_headline
from core.reports.templating import definitions, environment, value_text
from core.results.verification import VerificationReport
from core.results.verification_row import ARMS
from core.specs.catalog import LEARNER_LABELS
from core.specs.verify import Training

LABELS = {
    "architectures": "Networks",
    "trainings": "Trainings",
    "countermeasures": "Countermeasures",
    "percentages": "Shares protected",
    "protected_class": "Protected class",
    "scale": "Length of training",
    "seeds": "Runs of each",
    "image_size": "Image size in pixels",
}


def render_verification(report: VerificationReport) -> str:
    """The page of a verification, finished or not; every name on it is escaped."""
    measured = report.evidence
    curves = [(row.name, {name: arm.curve for name, arm in row.arms.items()}) for row in measured.rows]
    return (
        environment()
        .get_template("verification.html")
        .render(
            report=report,
            evidence=measured,
            protected_class=report.protected_class,
            headline=verification_headline(report),
            heat=heat_map(report),
            curves=curve_charts(curves, chance=measured.chance),
            arms=[(arm, ARM_NAMES[arm]) for arm in ARMS if any(arm in row.arms for row in measured.rows)],
            requested=_requested(report),
            generator=definitions((report.target or {}).get("generator", {})),
        )
    )


def _requested(report: VerificationReport) -> list[tuple[str, str]]:
    """The settings that were chosen, by the names that the form has for them."""
    spec = dict(report.spec)
    spec["architectures"] = [LEARNER_LABELS.get(name, name) for name in spec["architectures"]]
    spec["trainings"] = [training_label(Training(**training)) for training in spec["trainings"]]
    spec["percentages"] = [f"{share}\u00a0%" for share in spec["percentages"]]
    for key in ("protected_class", "image_size"):
        if spec.get(key) is None:
            spec.pop(key, None)
    lists = {key: ", ".join(map(str, value)) for key, value in spec.items() if isinstance(value, list)}
    return [(LABELS.get(key, key), value_text(value)) for key, value in (spec | lists).items()]
