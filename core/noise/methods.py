"""The methods with a surrogate: four settings of one objective."""

from dataclasses import dataclass, replace

from core.noise.objective import Objective
from core.noise.setup import NoiseSetup
from core.specs.configs import PGDSearch


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """How a method differs from the others.

    Attributes:
        name: As specs name it.
        inner: How the inner maximum is taken: "attack", "uniform" or "none" (see `Objective`).
        eot: Whether its searches see images through T.
        source: The paper.
        targeted: Whether its loss is taken at another class.
    """

    name: str
    inner: str
    eot: bool
    source: str
    targeted: bool = False

    def applied_to(self, objective: Objective) -> Objective:
        """The objective with the settings of this method: one sample without T, and no radius_a without an adversary.

        If `objective.eot` is False for a method with T, the surrogate does not see T either: this is Eq. (4), which
        Table 4 calls "None". The surrogates of EM and TAP always learn from transformed images.
        """
        eot = self.eot and objective.eot
        return replace(
            objective,
            inner=self.inner,
            eot=eot,
            samples=objective.samples if eot else 1,
            radius_a=0 if self.inner == "none" else objective.radius_a,
            targeted=self.targeted,
            augment=objective.eot or not self.eot or self.targeted,
        )


METHODS = {
    method.name: method
    for method in (
        Method(name="rem", inner="attack", eot=True, source="Fu et al., ICLR 2022, Eq. (5)"),
        Method(name="sem", inner="uniform", eot=True, source="Liu et al., AAAI 2024"),
        Method(name="em", inner="none", eot=False, source="Huang et al., ICLR 2021; Fu et al. 2022, Eq. (3)"),
        Method(
            name="tap",
            inner="none",
            eot=True,
            source="Fowl et al., NeurIPS 2021; Fu et al. 2022, A.3.2",
            targeted=True,
        ),
    )
}


def objective_of(setup: NoiseSetup, search: PGDSearch) -> Objective:
    """Eq. (5) with the radii of the spec, the switches of the method, and the numbers of one search of the preset.

    Args:
        setup: The method, its radii and the details of the preset.
        search: The steps and step sizes.
    """
    spec, details = setup.spec, setup.preset.details
    return METHODS[setup.method].applied_to(
        Objective(
            radius_u=spec.radius_u,
            radius_a=spec.adversarial_radius,
            inner="attack",
            eot=spec.eot,
            outer_steps=search.outer_steps,
            outer_step=search.outer_step,
            samples=search.samples,
            inner_steps=search.inner_steps,
            inner_step=search.inner_step,
            pixel_box=details.pixel_box,
            transforms_first=details.em_transforms_first and setup.method == "em",
        )
    )
