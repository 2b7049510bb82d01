"""What one can choose from: the spec and its words, and trained generators, which are there for everybody."""

from fastapi import APIRouter
from sqlalchemy import select

from api.dependencies import CurrentUser, Db, Generator, Pagination
from api.schemas import GeneratorOut, Page, PresetOut, SpecOut
from core.specs.protect import PRESET_NAMES, ProtectSpec
from core.specs.train import TrainSpec
from core.specs.verify import VerifySpec
from store import models as m

router = APIRouter(prefix="/v1", tags=["choices"])

PRESET_WORDS = {
    "instant": (
        "Instant",
        "Seconds: the noise of a generator that was trained beforehand, strength 8.",
    ),
    "quick": ("Quick", "Made for two CPU cores: minutes for a few thousand images."),
    "standard": ("Standard", "More training with a larger model: minutes on a GPU, hours without one."),
    "paper": ("As in the paper", "The settings of Fu et al., ICLR 2022: hours on a GPU, days without one."),
}
LIMITS = [
    "The noise works against models trained on the images later, when most of what they see of a class is protected.",
    "Turning the images grey, strong changes of colour and strong JPEG compression undo most of it.",
    "Purification and a share of unprotected images weaken it.",
    "Adversarial training with a radius beyond about half of radius_u weakens it.",
    "Fine-tuning a model that was trained on other images weakens it.",
    "It does nothing about models that have seen the images already.",
]


@router.get("/spec")
def spec(user: CurrentUser) -> SpecOut:
    """The JSON Schemas of `spec` for every kind of job, the presets in words, what a protection does not do."""
    presets = [PresetOut(name=p, title=PRESET_WORDS[p][0], description=PRESET_WORDS[p][1]) for p in PRESET_NAMES]
    return SpecOut(
        schema=ProtectSpec.json_schema(),
        verify_schema=VerifySpec.json_schema(),
        train_schema=TrainSpec.json_schema(),
        presets=presets,
        limits=LIMITS,
    )


@router.get("/generators")
def generators(user: CurrentUser, db: Db, page: Pagination) -> Page[GeneratorOut]:
    """The trained generators one can choose, newest first."""
    rows, cursor = page.cut(db, select(m.Generator), m.Generator)
    return Page(items=[GeneratorOut.model_validate(row) for row in rows], next=cursor)


@router.get("/generators/{generator_id}")
def generator(generator: Generator) -> GeneratorOut:
    """One trained generator, with its card."""
    return GeneratorOut.model_validate(generator)
