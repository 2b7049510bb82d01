"""The settings of uploads and datasets: how large they may be, how images are decoded, and how long files stay."""

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

MIN_DECODER_BYTES = 256 * 2**20


class DatasetSettings(BaseSettings):
    """The part of the settings that says which uploads are accepted, and when files without a use are removed.

    Raises:
        ValidationError: a value is invalid. The error names the setting.
    """

    max_upload_bytes: int = Field(default=5 * 2**30, ge=1, description="maximum size of an upload, compressed")
    max_unpacked_bytes: int = Field(default=20 * 2**30, ge=1, description="maximum size of a dataset, unpacked")
    max_files: int = Field(default=200_000, ge=1, description="maximum number of files in a dataset")
    max_file_bytes: int = Field(
        default=512 * 2**20, ge=1, description="maximum size of one file of a dataset, unpacked"
    )
    max_pixels: int = Field(default=100_000_000, ge=1, description="maximum pixels of one image")
    sandbox_level: str = Field(
        default="limits",
        pattern="^(limits|syscalls|paths|isolated)$",
        description="least isolation of the processes that decode images, below which nothing starts: limits, "
        "syscalls, paths or isolated; `unteachable doctor` says what this machine reaches",
    )
    min_free_bytes: int = Field(
        default=-1,
        ge=-1,
        description="bytes that uploads leave free on the disk; -1 for 5 % of it, at most 1073741824",
    )
    inspection_seconds: float = Field(
        default=600, gt=0, description="seconds that reading an uploaded archive may take before it is refused"
    )
    decoder_bytes: int = Field(
        default=0,
        ge=0,
        description="memory that a process may take to decode one image; 0 chooses by the memory of the machine",
    )
    decoders: int = Field(
        default=0,
        ge=0,
        le=256,
        description="processes of a worker that decode images at the same time; 0 chooses by its cores and memory",
    )
    upload_ttl_hours: int = Field(default=24, ge=1, description="hours after which an unfinished upload is removed")
    dataset_ttl_days: int = Field(
        default=30, ge=0, description="days after which an uploaded dataset is removed; 0 for never"
    )

    cleanup_seconds: float = Field(
        default=3600, ge=0, description="seconds between two searches of all workers for stored files without a use"
    )
    quarantine_days: int = Field(
        default=7,
        ge=0,
        description="days for which stored files without a use are set aside before they are deleted; 0 for none",
    )

    @field_validator("decoder_bytes")
    @classmethod
    def _check_decoder_bytes(cls, value: int) -> int:
        if 0 < value < MIN_DECODER_BYTES:
            raise ValueError(f"must be 0, or at least {MIN_DECODER_BYTES} bytes: less does not hold the decoders")
        return value
