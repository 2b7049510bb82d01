"""/v1/generators: the trained generators, which every user can choose."""

from fastapi import APIRouter
from sqlalchemy import select

from api.dependencies import CurrentUser, Db, GeneratorById, Pagination
from api.schemas import GeneratorOut, Page
from store import models as m

router = APIRouter(prefix="/v1/generators", tags=["options"])


@router.get("", summary="List generators")
def list_generators(user: CurrentUser, db: Db, page: Pagination) -> Page[GeneratorOut]:
    """The trained generators, newest first. Every user can choose each of them."""
    rows, cursor = page.select(db, select(m.Generator), m.Generator)
    return Page(items=[GeneratorOut.model_validate(row) for row in rows], next=cursor)


@router.get("/{generator_id}", summary="Get a generator")
def get_generator(generator: GeneratorById) -> GeneratorOut:
    """One trained generator, with its card: how it was trained, on what, and what was measured."""
    return GeneratorOut.model_validate(generator)
