"""The "Verify further" form: what it offers, what a sent one asks for, and what is shown again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.pages.forms.protect import Option
from api.wording import PRESET_TEXTS
from core.reports.heatmap import NO_COUNTERMEASURE_LABEL, training_label
from core.specs.catalog import ARCHITECTURE_LABELS, COUNTERMEASURE_INFO
from core.specs.protect import TRAINING_PRESETS, ProtectSpec
from core.specs.verify import MAX_SEEDS, NO_COUNTERMEASURE, Training, VerifySpec

LISTS = ("architectures", "trainings", "countermeasures", "percentages")
SHARES = (100, 80, 60, 40, 20)  # Table 2
OFFERED = (  # Tables 1 and 11
    *(Training(radius=radius) for radius in (0, 1, 2, 4, 8)),
    *(Training(norm="L2", radius=radius) for radius in (50, 100)),
    *(Training(norm="L1", radius=radius) for radius in (1000, 3000)),
)


@dataclass(frozen=True, slots=True)
class Group:
    """Checkboxes of one list of the spec."""

    name: str
    legend: str
    hint: str
    options: tuple[Option, ...]


def groups(target: ProtectSpec) -> tuple[Group, ...]:
    """Every list that can be asked for; of an archive that is protected in part, no shares."""
    trainings = sorted(
        {*OFFERED, *_defaults(target).trainings}, key=lambda t: (t.norm != "Linf", t.norm == "L1", t.radius)
    )
    offered = (
        Group(
            "architectures",
            "Networks",
            "Larger ones take longer, on a CPU by far.",
            tuple(Option(name, label) for name, label in ARCHITECTURE_LABELS.items()),
        ),
        Group(
            "trainings",
            "Trainings",
            "Standard, or adversarial in a norm at a radius.",
            tuple(Option(_sent(training), training_label(training)) for training in trainings),
        ),
        Group(
            "countermeasures",
            "What is done to the pictures",
            "A model is trained …",
            (
                Option(NO_COUNTERMEASURE, NO_COUNTERMEASURE_LABEL),
                *(Option(name, one.description) for name, one in COUNTERMEASURE_INFO.items()),
            ),
        ),
        Group(
            "percentages",
            "Share of protected pictures",
            "Below 100 % the rest is clean, and another model gets that rest alone.",
            tuple(Option(str(share), f"{share} %") for share in SHARES),
        ),
    )
    return offered if target.percentage == 100 else offered[:-1]


def classes(target: ProtectSpec, known: Sequence[Mapping[str, Any]]) -> list[Option]:
    """Which class can be tried alone, first none; empty where no class can, as none is protected as a whole."""
    if target.percentage < 100 or not known:
        return []
    return [Option("", "All classes are protected"), *(Option(one["name"], f"“{one['name']}” alone") for one in known)]


def scales() -> list[Option]:
    """How long each model is trained."""
    return [Option(name, PRESET_TEXTS[name][0], PRESET_TEXTS[name][1]) for name in TRAINING_PRESETS]


def defaults(target: ProtectSpec) -> dict[str, Any]:
    """What the form shows at first."""
    spec = _defaults(target)
    return {
        "architectures": list(spec.architectures),
        "trainings": [_sent(training) for training in spec.trainings],
        "countermeasures": list(spec.countermeasures),
        "percentages": [str(share) for share in spec.percentages],
        "protected_class": "",
        "scale": spec.scale,
        "seeds": str(spec.seeds),
        "max_seeds": MAX_SEEDS,
    }


def values(sent: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """What was sent, to be shown again."""
    lists: dict[str, Any] = {name: list(sent.get(name, ())) for name in LISTS}
    return (
        lists | {name: _last(sent, name) for name in ("protected_class", "scale", "seeds")} | {"max_seeds": MAX_SEEDS}
    )


def asked(sent: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """What a sent form asks for, as a spec is parsed from. A list with nothing chosen is empty, and refused."""
    shares = list(sent.get("percentages", ())) if "percentages" in sent else None
    found: dict[str, Any] = {name: list(sent.get(name, ())) for name in ("architectures", "countermeasures")}
    found["trainings"] = [_training(text) for text in sent.get("trainings", ())]
    if shares is not None:
        found["percentages"] = [_whole(share) for share in shares]
    found["protected_class"] = _last(sent, "protected_class") or None
    return found | {"scale": _last(sent, "scale"), "seeds": _whole(_last(sent, "seeds"))}


def _defaults(target: ProtectSpec) -> VerifySpec:
    return VerifySpec.parse({}, radius_a=target.adversarial_radius)


def _sent(training: Training) -> str:
    return f"{training.norm}-{training.radius}"


def _training(text: str) -> dict[str, Any]:
    norm, _, radius = text.partition("-")
    return {"norm": norm, "radius": _whole(radius)}


def _last(sent: Mapping[str, Sequence[str]], name: str) -> str:
    return next(iter(reversed(sent.get(name, ("",)))), "")


def _whole(text: str) -> int | str:
    """The number as typed; other text as it is, for the spec to refuse in its own words."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text
