"""The application context: what the requests of one app share, opened once by `create_app`."""

from dataclasses import dataclass, field
from pathlib import Path

from api.capacity import Capacity
from api.inspections import Inspections
from api.job_followers import JobFollowers
from api.readiness import Readiness
from api.use_records import UseRecorder
from core.limits import Limits
from store.database import Database
from store.object_store import ObjectStore
from store.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class AppContext:
    """The resources of one app.

    Attributes:
        settings: The service's settings.
        db: The database.
        files: The object store.
        keys: The signing keys, newest first.
        job_followers: Lets requests follow jobs.
        readiness: Checks whether the service can work.
        capacity: Limits how many requests use the database at once.
        use_recorder: Records when tokens and sessions were last used.
        inspections: Inspects uploads, a bounded number at once.
        open_forms: The files of multipart uploads that arrive now, and how many bytes each announced.
        own_parts: The keys of the parts of resumable uploads that this process received itself, and so has in a file
            too, by the upload; empty where uploads are files only.
    """

    settings: Settings
    db: Database
    files: ObjectStore
    keys: tuple[str, ...]
    job_followers: JobFollowers
    readiness: Readiness
    capacity: Capacity
    use_recorder: UseRecorder
    inspections: Inspections
    open_forms: dict[Path, int] = field(default_factory=dict)
    own_parts: dict[str, set[str]] = field(default_factory=dict)

    @property
    def upload_dir(self) -> Path:
        """The folder of unfinished uploads. It survives a restart, so that uploads can resume."""
        return self.settings.home / "uploads"

    @property
    def shares_uploads(self) -> bool:
        """Whether unfinished uploads lie in the object store, so that every API can continue them."""
        return self.settings.s3_location is not None

    @property
    def limits(self) -> Limits:
        """How large an upload may be after unpacking."""
        s = self.settings
        return Limits(bytes=s.max_unpacked_bytes, files=s.max_files, file_bytes=s.max_file_bytes, pixels=s.max_pixels)
