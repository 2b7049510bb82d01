"""Datasets whose classes an album joins in its evidence: others of its owner, with images of the same kind."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import FieldError, SpecError
from core.specs.protect import ProtectSpec
from store import datasets
from store import models as m

MAX_REFERENCE_DATASETS = 20  # the newest ones are looked at


def reference_datasets(session: Session, album: m.Dataset) -> Sequence[m.Dataset]:
    """Return the other datasets of the album's owner whose images are of its kind: photographs, or small images.

    Args:
        session: the caller's transaction.
        album: the dataset to protect.

    Returns:
        The newest first.
    """
    others = select(m.Dataset).where(
        m.Dataset.owner_id == album.owner_id,
        m.Dataset.state == m.READY,
        m.Dataset.id != album.id,
        m.Dataset.file_key.is_not(None),
    )
    newest = session.scalars(others.order_by(m.Dataset.created_at.desc()).limit(MAX_REFERENCE_DATASETS))
    return [one for one in newest if datasets.are_small(one) == datasets.are_small(album)]


def check_reference(session: Session, spec: ProtectSpec, album: m.Dataset) -> None:
    """Check that the reference dataset of a spec can be used.

    Args:
        session: the caller's transaction.
        spec: the validated request.
        album: the dataset to protect.

    Raises:
        SpecError: It is not another dataset of the same owner, or it is not checked yet.
    """
    if spec.reference_dataset_id is None:
        return
    chosen = session.get(m.Dataset, spec.reference_dataset_id)
    if chosen is None or chosen.owner_id != album.owner_id:
        raise _refusal("there is no such dataset of yours")
    if chosen.id == album.id:
        raise _refusal("must be another dataset than the one to protect")
    if chosen.state != m.READY:
        raise _refusal(f"must be a dataset that is ready; this one is {chosen.state}")


def _refusal(message: str) -> SpecError:
    return SpecError([FieldError("reference_dataset_id", message)])
