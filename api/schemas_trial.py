"""The JSON bodies of trials."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from api.public_path import PublicAddress
from api.schemas_job import State
from api.trials import Trial
from store import models as m
from store.trials import MAX_TRIAL_IMAGES


class TrialIn(BaseModel):
    """A request for a trial."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [{"images": [0, 12, 40]}]})

    images: list[Annotated[int, Field(ge=0)]] | None = Field(
        None,
        min_length=1,
        max_length=MAX_TRIAL_IMAGES,
        description="The numbers of the images, as `/v1/datasets/{id}/images` lists them. By default some are chosen.",
    )


class TrialVariantOut(BaseModel):
    """An image of a trial at one strength."""

    strength: str
    url: PublicAddress
    bytes: int
    flip: float = Field(description="FLIP against the original, from 0 (invisible) to 1.")
    ssimulacra2: float | None = Field(description="SSIMULACRA2 against the original; null for a small image.")


class TrialImageOut(BaseModel):
    """An image of a trial."""

    number: int
    path: str
    width: int
    height: int
    original_url: PublicAddress
    variants: list[TrialVariantOut]


class TrialOut(BaseModel):
    """A trial: a few images of a dataset at each strength."""

    state: State
    error: str | None
    created_at: datetime
    expires_at: datetime | None = Field(description="When its images are deleted; null until it has succeeded.")
    seconds: float | None = Field(description="How long it took; while it runs, until its newest images.")
    images: list[TrialImageOut] = Field(description="While it runs, with the strengths that are made so far.")

    @classmethod
    def of(cls, dataset: m.Dataset, trial: Trial) -> Self:
        """The JSON form of a trial.

        Args:
            dataset: Its dataset.
            trial: The trial.
        """
        base, version = f"/v1/datasets/{dataset.id}/trial", f"?trial={trial.job.id}"  # browsers keep the images
        images = [
            TrialImageOut(
                number=image.number,
                path=image.path,
                width=image.width,
                height=image.height,
                original_url=f"{base}/{image.number}/original{version}",
                variants=[
                    TrialVariantOut(
                        strength=one.strength,
                        url=f"{base}/{image.number}/{one.strength}{version}",
                        bytes=one.location.size,
                        flip=one.flip,
                        ssimulacra2=one.ssimulacra2,
                    )
                    for one in image.variants
                ],
            )
            for image in (trial.result.images if trial.result else ())
        ]
        return cls(
            state=trial.job.state,  # type: ignore[arg-type]
            error=trial.job.error,
            created_at=trial.job.created_at,
            expires_at=trial.expires_at,
            seconds=trial.result.seconds if trial.result else None,
            images=images,
        )
