"""What the report says of how noise is made."""

from core.noise.methods import METHODS, objective_of
from core.noise.ntga.attack import NAME as NTGA
from core.noise.ntga.attack import describe_ntga
from core.specs.presets import NoiseConfig, Preset
from core.specs.protect import ProtectSpec


def describe(spec: ProtectSpec, preset: Preset, *, size: int, trained_on: int) -> dict[str, object]:
    """What made the noise, for the report; `radius_a` and `eot` are as the method used them."""
    name = spec.method or preset.method
    found: dict[str, object] = {"method": name, "preset": preset.name, "work_size": size, "radius_u": spec.radius_u}
    if name == NTGA:
        return found | describe_ntga(preset.ntga, trained_on=trained_on)
    recipe: NoiseConfig = preset.noise[name]
    aim = objective_of(spec, preset, recipe.final)
    return found | {
        "source": METHODS[name].source,
        "surrogate": preset.architecture,
        "radius_a": aim.radius_a,
        "eot": aim.eot,
        "trained_on_images": trained_on,
        "training_steps": recipe.length.updates(trained_on),
        "passes_per_image": aim.passes,
    }
