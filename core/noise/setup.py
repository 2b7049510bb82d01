"""The settings of one noise: what the user chose, and the numbers of the preset."""

from dataclasses import dataclass

from core.specs.configs import NoiseConfig, Preset
from core.specs.protect import ProtectSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseSetup:
    """What a noise depends on besides the images.

    Attributes:
        spec: The user's choices: method, radii, seed.
        preset: The architecture of the surrogate, and the numbers of each method.
    """

    spec: ProtectSpec
    preset: Preset

    @property
    def method(self) -> str:
        """The method of the spec, or the preset's own where the spec names none."""
        return self.spec.method or self.preset.method

    @property
    def config(self) -> NoiseConfig:
        """The preset's numbers for the method. Raises KeyError for a method without a surrogate (NTGA)."""
        return self.preset.noise[self.method]
