"""The shipped generator that a protection starts from, where its noise network is trained on the images themselves."""

from core.generators.compatibility import may_have_trained_on
from core.generators.shipped import shipped_generators
from core.ingest.dataset import ImageDataset
from core.noise.generator_file import TrainedGenerator, load_generator
from core.noise.methods import objective_of
from core.noise.setup import NoiseSetup
from core.runtime.context import RunContext


def joint_start(dataset: ImageDataset, setup: NoiseSetup, run: RunContext, *, size: int) -> TrainedGenerator | None:
    """The generator to start from, or None where a surrogate is trained and the noise is searched.

    None fits if the preset does not train the method jointly, for other radii, sizes or channels, for more classes
    than it has, and without EOT. One that may have been trained on these images is not taken: it may know the test
    images.

    Args:
        dataset: The images to protect.
        setup: The method, its radii and its numbers.
        run: The device.
        size: The work size in pixels.
    """
    config = setup.preset.noise.get(setup.method)
    if config is None or config.joint is None or not setup.spec.eot:
        return None
    objective = objective_of(setup, config.training)
    made_for = (setup.method, objective.radius_u, objective.radius_a, size, dataset.channels)
    fitting = [
        one
        for one in shipped_generators()
        if (one.card.method, one.card.radius_u, one.card.radius_a, one.card.size, one.card.channels) == made_for
        and len(dataset.classes) <= one.card.classes
        and not may_have_trained_on(one.card, name=dataset.name, classes=dataset.classes)
    ]
    if not fitting:
        return None
    shipped = min(fitting, key=lambda one: (one.card.classes, one.card.grey_updates))
    generator = load_generator(shipped.file, device=run.device.name)
    return None if generator.network is None else generator
