"""The JSON bodies of requests and responses."""

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.public_path import PublicAddress
from core.filenames import FORBIDDEN_NAME_CHARS, MAX_NAME_CHARS
from store import models as m
from store.image_index import IndexedImage

T = TypeVar("T")

Name = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=MAX_NAME_CHARS, pattern=f"^[^{FORBIDDEN_NAME_CHARS}]*$"
    ),
]


class Page(BaseModel, Generic[T]):
    """One page of a list."""

    items: list[T]
    next: str | None = Field(description="The `cursor` of the next page; null on the last page.")


class ClassOut(BaseModel):
    """A class of a dataset, and the number of its images."""

    name: str
    images: int


class SkippedOut(BaseModel):
    """A file that was left out of a dataset, and why."""

    path: str
    reason: str


class ThumbnailOut(BaseModel):
    """A small version of one image of a dataset."""

    path: str
    url: PublicAddress


class PassedThroughOut(BaseModel):
    """A file that is no image and is delivered: a file of labels or a text."""

    path: str
    kind: str = Field(description="What it is.")


class RenamedOut(BaseModel):
    """A file or folder that has another name than in the upload, one that every system takes."""

    path: str
    was: str
    reason: str


class LabelProblemOut(BaseModel):
    """Something wrong in a file of labels."""

    path: str
    line: int | None
    problem: str


class LayoutChoiceOut(BaseModel):
    """A way to sort the images into classes, for the key `layout` of a spec."""

    layout: str
    classes: int
    problem: str | None = Field(description="Why it does not fit these images; null if it does.")


class LayoutQuestionOut(BaseModel):
    """Something that the names of folders leave in doubt, and what a job does unless its spec says otherwise."""

    question: str
    folders: list[str]
    images: int
    understood: str = Field(description="The option that is used: a layout, `leave_out` or `keep`.")
    options: list[str] = Field(
        description="Layouts, for the key `layout` of a spec; or `leave_out` and `keep`, for its key `leave_out`."
    )


class LayoutOut(BaseModel):
    """How the images were sorted into classes."""

    kind: str = Field(description="classes, splits, labels or album.")
    reason: str = Field(description="What was understood of the upload, in sentences.")
    notes: list[str]
    problems: list[LabelProblemOut]
    choices: list[LayoutChoiceOut]
    questions: list[LayoutQuestionOut] = []


class DatasetOut(BaseModel):
    """An uploaded dataset, with its classes and its state."""

    id: str
    name: str
    state: Literal["uploading", "checking", "ready", "rejected"]  # a public schema; no dataset is "uploading" today
    bytes: int
    images: int
    classes: list[ClassOut]
    skipped: list[SkippedOut] = Field(description="The files that are left out.")
    passed_through: list[PassedThroughOut] = Field(
        description="The first 1,000 files that are no images and are delivered; a job's `pass_through` may change it."
    )
    renamed: list[RenamedOut] = Field(description="The first 1,000; the report of a protection has all.")
    thumbnails: list[ThumbnailOut]
    layout: LayoutOut | None = Field(description="Null until the dataset is checked.")
    error: str | None = Field(description="Why the dataset was rejected.")
    created_at: datetime
    expires_at: datetime | None = Field(description="When the dataset is deleted; null for never.")

    @classmethod
    def of(cls, row: m.Dataset) -> Self:
        """The JSON form of a dataset's row."""
        thumbnails = [
            {"path": thumb.get("path", ""), "url": f"/v1/datasets/{row.id}/thumbnails/{n}"}
            for n, thumb in enumerate(row.thumbs)
        ]
        fields = {name: getattr(row, name) for name in cls.model_fields if name != "thumbnails"}
        return cls.model_validate(fields | {"thumbnails": thumbnails, "layout": row.layout or None})


class ImageOut(BaseModel):
    """One image of a dataset."""

    number: int = Field(description="Its place in the order of the paths, from 0.")
    path: str
    class_name: str
    width: int
    height: int
    format: str
    url: PublicAddress
    thumbnail_url: PublicAddress

    @classmethod
    def of(cls, dataset_id: str, number: int, image: IndexedImage) -> Self:
        """The JSON form of an image.

        Args:
            dataset_id: The id of the dataset.
            number: The number of the image, from 0.
            image: The image.
        """
        url = f"/v1/datasets/{dataset_id}/images/{number}"
        values = {name: getattr(image, name) for name in ("path", "class_name", "width", "height", "format")}
        return cls(number=number, url=url, thumbnail_url=f"{url}/thumbnail", **values)


class LinkIn(BaseModel):
    """A request for a download link."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [{"seconds": 3600}]})

    seconds: int | None = Field(
        None, ge=60, le=7 * 86400, description="How long the link works. The default is a setting of the service."
    )


class LinkOut(BaseModel):
    """A download link, which needs no token."""

    url: str
    expires_at: datetime


class TokenIn(BaseModel):
    """A request for an API token."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "my laptop"}]})

    name: Name = Field(description="What the token is for.")


class TokenOut(BaseModel):
    """An API token without its secret."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    prefix: str = Field(description="The first characters of the secret, to recognize it.")
    created_at: datetime
    last_used_at: datetime | None


class NewTokenOut(TokenOut):
    """An API token with its secret, which no other response contains."""

    token: str


class GeneratorOut(BaseModel):
    """A trained generator: what it fits, and its card, which says how it was trained and what was measured."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    method: str
    architecture: str
    radius_u: int = Field(description="The largest change of a pixel, of 255.")
    radius_a: int = Field(description="The radius of adversarial training that the noise withstands, of 255.")
    channels: int
    size: int = Field(description="The side of the images that it works at, in pixels.")
    classes: int = Field(description="The largest number of classes of a dataset.")
    bytes: int
    sha256: str
    card: dict[str, Any]
    job_id: str | None
    created_at: datetime


class PresetOut(BaseModel):
    """A preset, in words."""

    name: str
    title: str
    description: str


class SpecOut(BaseModel):
    """What a job can be requested with."""

    model_config = ConfigDict(populate_by_name=True)

    json_schema_: dict[str, Any] = Field(alias="schema", description="The JSON Schema of `spec` for protect jobs.")
    verify_schema: dict[str, Any]
    train_schema: dict[str, Any]
    presets: list[PresetOut]
    limits: list[str] = Field(description="What a protection cannot do.")
