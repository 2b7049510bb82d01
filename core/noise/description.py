"""How the noise was made, for the report."""

from core.noise.generator_file import TrainedGenerator
from core.noise.methods import METHODS, objective_of
from core.noise.ntga.attack import NAME as NTGA
from core.noise.ntga.attack import describe_ntga
from core.noise.setup import NoiseSetup
from core.specs.protect import TEXTURE

JOINTLY = (
    "at once, by a network that was trained together with the surrogate: our own way, not from the method's source"
)


def describe_noise(setup: NoiseSetup, *, size: int, trained_on: int) -> dict[str, object]:
    """The `generator` of a report; `radius_a` and `eot` are those that the method used.

    Args:
        setup: The method, its radii and its numbers.
        size: The work size in pixels.
        trained_on: The number of images that the surrogate was trained on.
    """
    head: dict[str, object] = {
        "method": setup.method,
        "preset": setup.preset.name,
        "work_size": size,
        "radius_u": setup.spec.radius_u,
    }
    if setup.method == TEXTURE:
        return head | {"source": "class textures with a secret key, bound by local contrast (Unteachable)"}
    if setup.method == NTGA:
        return head | describe_ntga(setup.preset.ntga, trained_on=trained_on)
    objective = objective_of(setup, setup.config.final)
    return head | {
        "source": METHODS[setup.method].source,
        "surrogate": setup.preset.architecture,
        "radius_a": objective.radius_a,
        "eot": objective.eot,
        "trained_on_images": trained_on,
        "training_steps": setup.config.length.updates(trained_on),
        "passes_per_image": objective.passes,
    }


def describe_joint_training(setup: NoiseSetup, start: TrainedGenerator, *, trained_on: int) -> dict[str, object]:
    """What differs from `describe_noise` where a noise network is trained on the images.

    Args:
        setup: The method, its radii and its numbers.
        start: The shipped generator that the training starts from.
        trained_on: The number of images that both networks were trained on.
    """
    config = setup.config.joint
    assert config is not None, "the noise was made by it"
    return {
        "made": JOINTLY,
        "training_steps": config.length.updates(trained_on),
        "passes_per_image": 1,
        "started_from": {"name": start.card.name, "sha256": start.sha256},
    }
