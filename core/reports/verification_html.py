"""The report of a verification as one page that needs nothing else: heat map, curves, limits. No torch here."""

from core.reports.charts import NAMES, curve_chart, scale_of
from core.reports.heatmap import column_name, heat_map
from core.reports.templating import environment, plain
from core.results.verification import SIDES, VerifyReport
from core.specs.verify import Training


def render_verification(report: VerifyReport) -> str:
    """The page, of all rows or of those so far. Every name on it is escaped."""
    found = report.evidence
    rows = [(row.name, {name: side.curve for name, side in row.sides.items()}) for row in found.rows]
    rows = [(name, curves) for name, curves in rows if curves["before"].epoch]
    top = scale_of(curves for _, curves in rows)
    return (
        environment()
        .get_template("verification.html")
        .render(
            report=report,
            evidence=found,
            only=report.protected_class,
            heat=heat_map(report),
            curves=[curve_chart(name[:1].upper() + name[1:], c, top=top, chance=found.chance) for name, c in rows],
            kinds=[(kind, NAMES[kind]) for kind in SIDES if any(kind in row.sides for row in found.rows)],
            asked=_asked(report),
            made=plain((report.target or {}).get("generator", {})),
        )
    )


def _asked(report: VerifyReport) -> list[tuple[str, str]]:
    spec = dict(report.spec)
    spec["trainings"] = [column_name(Training(**training)) for training in spec["trainings"]]
    if spec.get("protected_class") is None:
        spec.pop("protected_class", None)
    lists = {key: ", ".join(map(str, value)) for key, value in spec.items() if isinstance(value, list)}
    return plain(spec | lists)
