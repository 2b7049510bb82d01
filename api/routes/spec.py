"""/v1/spec: what a job can be requested with."""

from fastapi import APIRouter

from api.dependencies import CurrentUser
from api.schemas import PresetOut, SpecOut
from api.spec_texts import CAVEATS, PRESET_TEXTS
from core.specs.protect import PRESET_NAMES, ProtectSpec
from core.specs.train import TrainSpec
from core.specs.verify import VerifySpec

router = APIRouter(prefix="/v1", tags=["options"])


@router.get("/spec", summary="Get the schema of `spec`")
def get_spec_schema(user: CurrentUser) -> SpecOut:
    """The JSON Schemas of `spec` for every kind of job, the presets, and what a protection cannot do."""
    return SpecOut(
        schema=ProtectSpec.json_schema(),
        verify_schema=VerifySpec.json_schema(),
        train_schema=TrainSpec.json_schema(),
        presets=[_preset(name) for name in PRESET_NAMES],
        limits=CAVEATS,
    )


def _preset(name: str) -> PresetOut:
    text = PRESET_TEXTS[name]
    return PresetOut(name=name, title=text.title, description=text.description)
