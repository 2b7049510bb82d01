"""What is known of an object beside its bytes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from obstore import Attributes, ObjectMeta

DISPOSITION = "Content-Disposition"


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """As what browsers save an object that they get from an S3 server itself.

    Attributes:
        disposition: the header `Content-Disposition` of the answer, which has the name of the file.
        media_type: its `Content-Type`.
    """

    disposition: str
    media_type: str

    @property
    def attributes(self) -> "Attributes":
        """What the server is told when the object is stored."""
        return {DISPOSITION: self.disposition, "Content-Type": self.media_type, "Cache-Control": "private, no-cache"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """An object in the store.

    Attributes:
        size: its bytes.
        etag: the entity tag that a server gives it, with its quotes; None for none.
        modified: when it was stored.
        is_download: whether it was stored with the name under which browsers save it.
    """

    size: int
    etag: str | None
    modified: datetime
    is_download: bool

    @classmethod
    def of(cls, meta: "ObjectMeta", attributes: Mapping[str, str]) -> Self:
        """Read what the backend says."""
        return cls(
            size=int(meta["size"]),
            etag=meta["e_tag"],
            modified=meta["last_modified"],
            is_download=DISPOSITION in attributes,
        )
