"""The table of generators."""

from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from store.models.base import Base, RowMixin


class Generator(RowMixin, Base):
    """A trained noise generator, which ships with the service or is the result of a train job."""

    __tablename__ = "generators"

    name: Mapped[str] = mapped_column(String(200))
    file_key: Mapped[str] = mapped_column(String(300))
    sha256: Mapped[str] = mapped_column(String(64))
    bytes: Mapped[int]
    method: Mapped[str] = mapped_column(String(32))
    architecture: Mapped[str] = mapped_column(String(64))
    channels: Mapped[int]
    size: Mapped[int]
    classes: Mapped[int]
    radius_u: Mapped[int]
    radius_a: Mapped[int]
    card: Mapped[dict[str, Any]]  # core.generators.card.Card.to_dict()
    job_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id", ondelete="SET NULL"), index=True)
