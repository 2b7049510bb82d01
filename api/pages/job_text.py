"""What the pages say about a job: its titles, and its request in full."""

from typing import Any

from api.pages.formatting import format_count
from api.pages.labels import stage_labels
from api.spec_texts import PRESET_TEXTS
from core.reports.heatmap import training_label
from core.specs.catalog import LEARNER_LABELS
from core.specs.protect import PAPER
from core.specs.verify import VerifySpec
from store import models as m

_HEADINGS = {
    m.PROTECT: {
        m.QUEUED: "{} waits for its turn",
        m.RUNNING: "Protecting {}",
        m.SUCCEEDED: "{}: ready to download",
        m.FAILED: "{} could not be protected",
        m.CANCELED: "Stopped protecting {}",
    },
    m.TRAIN: {
        m.QUEUED: "A generator waits to be trained on {}",
        m.RUNNING: "Training a generator on {}",
        m.SUCCEEDED: "{}: a generator was trained",
        m.FAILED: "No generator could be trained on {}",
        m.CANCELED: "Stopped training a generator on {}",
    },
    m.VERIFY: {
        m.QUEUED: "The verification of {} waits for its turn",
        m.RUNNING: "Verifying {}",
        m.SUCCEEDED: "{}: verified",
        m.FAILED: "{} could not be verified",
        m.CANCELED: "Stopped verifying {}",
    },
}

_HEADINGS_WITH_ARCHIVE = {  # of a protection whose archive can be downloaded
    m.QUEUED: "{}: protected, the measurement waits for its turn",
    m.RUNNING: "{}: protected, measuring how well",
    m.SUCCEEDED: "{}: ready to download",
    m.FAILED: "{}: protected, not measured",
    m.CANCELED: "{}: protected, the measurement was stopped",
}


def job_title(job: m.Job, dataset_name: str) -> str:
    """Say what a job does, such as 'Protect pets'.

    Args:
        job: The job.
        dataset_name: The name of its dataset.
    """
    titles = {m.TRAIN: f"Train a generator on {dataset_name}", m.VERIFY: f"Verify {dataset_name}"}
    return titles.get(job.kind, f"Protect {dataset_name}")


def page_title(job: m.Job, dataset_name: str) -> str:
    """Return the title of a job's page in the browser: its progress while it runs, as job_progress.js shows it.

    Args:
        job: The job.
        dataset_name: The name of its dataset.
    """
    if job.state != m.RUNNING or not job.stage:
        return job_title(job, dataset_name)
    name = stage_labels(job.kind)[job.stage].name
    return f"{min(100, 100 * job.done // job.total)} % · {name}" if job.total else name


def page_heading(job: m.Job, dataset_name: str) -> str:
    """Return the heading of a job's page, which names the state of the job.

    Args:
        job: The job.
        dataset_name: The name of its dataset.
    """
    headings = _HEADINGS_WITH_ARCHIVE if job.archive_key else _HEADINGS.get(job.kind, _HEADINGS[m.PROTECT])
    return headings[job.state].replace("{}", dataset_name)


def request_details(job: m.Job) -> list[tuple[str, Any]]:
    """List what a job was asked to do, as pairs of a label and a value."""
    if job.kind == m.VERIFY:
        return _verification_details(VerifySpec.parse(job.spec))
    spec = job.spec
    details: list[tuple[str, Any]] = [("Name", spec["name"])] if spec.get("name") else []
    has_target = job.kind == m.PROTECT and spec.get("preset") != PAPER
    if has_target and spec.get("visibility"):
        details.append(("How visible", f"{spec['visibility']} on photographs"))
    default_method = "textures for photographs, else the preset’s" if has_target else "the preset’s"
    details += [
        ("Strength", f"{spec.get('radius_u', 8)} of 255"),
        ("Thoroughness", PRESET_TEXTS[spec.get("preset", "quick")].title),
        ("Method", spec["method"].upper() if spec.get("method") else default_method),
        ("Seed", spec.get("seed", 0)),
    ]
    if spec.get("grey"):
        details.append(("Greyscale", "also trained on greyscale"))
    details.append(("Measurement", spec.get("evidence", "quick")))
    if job.kind == m.PROTECT:
        if spec.get("evidence") != "none" and spec.get("evidence_minutes"):
            details.append(("Measurement may take", format_count(spec["evidence_minutes"], "minute")))
        details.append(("Format", "as uploaded" if spec.get("format") == "same" else "PNG"))
    if spec.get("reference_dataset_id"):
        details.append(("Classes beside the album", "from one dataset of yours"))
    if spec.get("generator_id"):
        details.append(("Trained generator", spec["generator_id"]))
    if spec.get("percentage", 100) != 100:
        details.append(("Share protected", f"{spec['percentage']} %"))
    if not spec.get("eot", True):
        details.append(("Random crops and flips", "not used"))
    if spec.get("radius_a") is not None:
        details.append(("Adversarial training radius", f"{spec['radius_a']} of 255"))
    return details


def _verification_details(spec: VerifySpec) -> list[tuple[str, Any]]:
    shares = ", ".join(f"{share} %" for share in spec.percentages)
    class_name = spec.protected_class
    return [
        ("Networks", ", ".join(LEARNER_LABELS[name] for name in spec.architectures)),
        ("Trainings", ", ".join(map(training_label, spec.trainings))),
        ("Countermeasures", ", ".join(spec.countermeasures)),
        ("Shares protected", shares) if class_name is None else ("Protected and tested", f"only “{class_name}”"),
        *([] if spec.image_size is None else [("Image size", f"{spec.image_size} x {spec.image_size} pixels")]),
        ("Length of training", spec.scale),
        ("Runs of each", spec.seeds),
    ]
