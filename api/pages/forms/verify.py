"""The "Verify further" form: its fields, its first values, and the spec that a submitted form asks for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.pages.forms.fields import Option, integer_or_text
from api.spec_texts import PRESET_TEXTS
from core.reports.heatmap import NO_COUNTERMEASURE_LABEL, training_label
from core.specs.catalog import COUNTERMEASURE_INFO, LEARNER_LABELS
from core.specs.protect import TRAINING_PRESETS, ProtectSpec
from core.specs.verify import MAX_IMAGE_SIZE, MAX_SEEDS, NO_COUNTERMEASURE, Training, VerifySpec
from core.specs.work_size import MIN_SIZE, SIZE_STEP

_LISTS = ("architectures", "trainings", "countermeasures", "percentages")
_SHARES = (100, 80, 60, 40, 20)  # Table 2
_TRAININGS = (  # Tables 1 and 11
    *(Training(radius=radius) for radius in (0, 1, 2, 4, 8)),
    *(Training(norm="L2", radius=radius) for radius in (50, 100)),
    *(Training(norm="L1", radius=radius) for radius in (1000, 3000)),
)


@dataclass(frozen=True, slots=True)
class CheckboxGroup:
    """The checkboxes of one list of the spec.

    Attributes:
        name: The key of the list.
        legend: The title of the group.
        hint: A sentence about the group.
        options: One option for each checkbox.
    """

    name: str
    legend: str
    hint: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyForm:
    """What `parts/verify.html` shows.

    Attributes:
        groups: The groups of checkboxes.
        classes: The classes that can be the only protected one; empty if none can.
        sizes: The sizes at which the models can see the images.
        scales: How long each model can be trained.
        max_seeds: The largest number of runs.
        values: The value of each field.
        errors: What is wrong, by field.
    """

    groups: Sequence[CheckboxGroup]
    classes: Sequence[Option]
    sizes: Sequence[Option]
    scales: Sequence[Option]
    max_seeds: int
    values: Mapping[str, Any]
    errors: Mapping[str, str]


def verify_form(
    target: ProtectSpec,
    classes: Sequence[Mapping[str, Any]],
    *,
    submitted: Mapping[str, Sequence[str]] | None,
    errors: Mapping[str, str],
) -> VerifyForm:
    """Return the form for a protection.

    Args:
        target: The spec of the protection.
        classes: The classes of its dataset, each with its `name`.
        submitted: The values of a submitted form, which is shown again; None for a new form.
        errors: What is wrong, by field.
    """
    return VerifyForm(
        groups=_checkbox_groups(target),
        classes=_class_options(target, classes),
        sizes=_size_options(),
        scales=[Option(name, PRESET_TEXTS[name][0], PRESET_TEXTS[name][1]) for name in TRAINING_PRESETS],
        max_seeds=MAX_SEEDS,
        values=_default_values(target) if submitted is None else _submitted_values(submitted),
        errors=errors,
    )


def _checkbox_groups(target: ProtectSpec) -> tuple[CheckboxGroup, ...]:
    trainings = sorted(
        {*_TRAININGS, *_default_spec(target).trainings}, key=lambda t: (t.norm != "Linf", t.norm == "L1", t.radius)
    )
    groups = (
        CheckboxGroup(
            "architectures",
            "Networks",
            "Larger ones take longer, especially on a CPU. The last two start from a network trained on ImageNet.",
            tuple(Option(name, label) for name, label in LEARNER_LABELS.items()),
        ),
        CheckboxGroup(
            "trainings",
            "Trainings",
            "Standard training, or adversarial training in a norm at a radius.",
            tuple(Option(_training_value(training), training_label(training)) for training in trainings),
        ),
        CheckboxGroup(
            "countermeasures",
            "Countermeasures",
            "How a model is trained:",
            (
                Option(NO_COUNTERMEASURE, NO_COUNTERMEASURE_LABEL),
                *(Option(name, info.description) for name, info in COUNTERMEASURE_INFO.items()),
            ),
        ),
        CheckboxGroup(
            "percentages",
            "Share of protected images",
            "Below 100 % the other images are clean. Another model is then trained on the clean images alone.",
            tuple(Option(str(share), f"{share} %") for share in _SHARES),
        ),
    )
    return groups if target.percentage == 100 else groups[:-1]  # a partly protected archive is tested as it is


def _size_options() -> list[Option]:
    sizes = (str(size) for size in range(MIN_SIZE, MAX_IMAGE_SIZE + 1, SIZE_STEP))
    return [
        Option("", "As the length of training has it, for pretrained models at least 128"),
        *map(_size_option, sizes),
    ]


def _size_option(size: str) -> Option:
    return Option(size, f"{size} x {size} pixels")


def _class_options(target: ProtectSpec, classes: Sequence[Mapping[str, Any]]) -> list[Option]:
    if target.percentage < 100 or not classes:
        return []
    return [Option("", "All classes are protected"), *(Option(c["name"], f"Only “{c['name']}”") for c in classes)]


def _default_values(target: ProtectSpec) -> dict[str, Any]:
    spec = _default_spec(target)
    return {
        "architectures": list(spec.architectures),
        "trainings": [_training_value(training) for training in spec.trainings],
        "countermeasures": list(spec.countermeasures),
        "percentages": [str(share) for share in spec.percentages],
        "protected_class": "",
        "image_size": "",
        "scale": spec.scale,
        "seeds": str(spec.seeds),
    }


def _submitted_values(submitted: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    lists: dict[str, Any] = {name: list(submitted.get(name, ())) for name in _LISTS}
    return lists | {name: _last_value(submitted, name) for name in ("protected_class", "image_size", "scale", "seeds")}


def requested_spec(submitted: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return the spec that a submitted form asks for, to be parsed. The spec refuses an empty list.

    Args:
        submitted: All submitted values by field.
    """
    spec: dict[str, Any] = {name: list(submitted.get(name, ())) for name in ("architectures", "countermeasures")}
    spec["trainings"] = [_parse_training(value) for value in submitted.get("trainings", ())]
    if "percentages" in submitted:
        spec["percentages"] = [integer_or_text(share) for share in submitted["percentages"]]
    spec["protected_class"] = _last_value(submitted, "protected_class") or None
    size = _last_value(submitted, "image_size")
    spec["image_size"] = integer_or_text(size) if size else None
    return spec | {"scale": _last_value(submitted, "scale"), "seeds": integer_or_text(_last_value(submitted, "seeds"))}


def _default_spec(target: ProtectSpec) -> VerifySpec:
    return VerifySpec.parse({}, radius_a=target.adversarial_radius)


def _training_value(training: Training) -> str:
    return f"{training.norm}-{training.radius}"


def _parse_training(value: str) -> dict[str, Any]:
    norm, _, radius = value.partition("-")
    return {"norm": norm, "radius": integer_or_text(radius)}


def _last_value(submitted: Mapping[str, Sequence[str]], name: str) -> str:
    values = submitted.get(name, ())
    return values[-1] if values else ""
