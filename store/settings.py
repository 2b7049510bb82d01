"""All settings of the service, read once from the environment (prefix UNTEACHABLE_) and `.env`."""

import hashlib
import os
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from store.addresses import PublicUrl, ServiceAddress, normalize_host
from store.dataset_settings import DatasetSettings
from store.job_settings import JobSettings
from store.service_settings import ServiceSettings
from store.service_urls import S3Location

MAX_SOCKET_PATH_BYTES = 100  # the kernel accepts 107, and the server appends a few


class Settings(JobSettings, DatasetSettings, ServiceSettings):
    """What a deployment can configure. An empty value means the default, which suits a single machine.

    Raises:
        ValidationError: a value is invalid, or two values contradict each other. The error names the setting.
    """

    model_config = SettingsConfigDict(
        env_prefix="UNTEACHABLE_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    host: str = Field(default="127.0.0.1", description="address the API listens on")
    port: int = Field(default=8000, ge=1, le=65535, description="port the API listens on")
    public_url: str = Field(
        default="",
        description="address at which users reach the service, such as https://example.org/unteachable; default "
        "http://HOST:PORT",
    )
    allowed_hosts: str = Field(
        default="",
        description="further names and addresses, comma-separated, at which the service answers; always those of "
        "PUBLIC_URL and HOST, localhost, 127.0.0.1 and ::1",
    )
    data_dir: Path = Field(
        default=Path("var"), description="folder for what stays on this machine: database, files, broker, keys, scratch"
    )
    secure_cookies: bool = Field(default=False, description="send the session cookie over HTTPS only")
    session_days: int = Field(default=30, ge=1, description="days a browser stays signed in")
    link_seconds: int = Field(default=3600, ge=1, description="seconds a signed download link works")
    sign_in_link_seconds: int = Field(default=3600, ge=1, description="seconds a one-time sign-in link works")

    max_requests: int = Field(
        default=128, ge=1, description="requests that are answered at the same time; more receive 503 at once"
    )
    max_connections: int = Field(
        default=1000, ge=1, description="open connections of clients; more receive 503 at once"
    )
    max_connections_per_address: int = Field(
        default=500,
        ge=1,
        description="open connections from one address, such as that of a proxy; more receive 503 at once",
    )
    header_seconds: float = Field(
        default=10.0, gt=0, description="seconds in which a client sends the header of a request"
    )
    body_seconds: float = Field(
        default=30.0,
        gt=0,
        description="seconds in which a client sends the body of a request, besides a second for each KiB of it",
    )

    log_bytes: int = Field(
        default=10 * 2**20,
        ge=4096,
        description="size at which the log of a process of this machine is rotated, also while it runs; "
        "one older log stays",
    )
    log_level: str = Field(
        default="info", pattern="^(debug|info|warning|error)$", description="debug, info, warning or error"
    )
    log_format: str = Field(
        default="auto", pattern="^(auto|json|text)$", description="json, text, or auto: text on a terminal"
    )

    @field_validator("host")
    @classmethod
    def _check_host(cls, host: str) -> str:
        normalized = normalize_host(host.strip())
        if normalized is None:
            raise ValueError(f"{host} is no address and no name of this machine")
        return normalized

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, url: str) -> str:
        return str(PublicUrl.parse(url.strip())) if url.strip() else ""

    @field_validator("allowed_hosts")
    @classmethod
    def _check_allowed_hosts(cls, hosts: str) -> str:
        for host in _listed(hosts):
            if normalize_host(host) is None:
                raise ValueError(f"{host} is no name and no address of a host; list them without http:// and port")
        return hosts

    @model_validator(mode="after")
    def _require_shared_keys(self) -> Self:
        if not self.is_single_machine and not self.secret_keys:
            raise ValueError(
                "UNTEACHABLE_SECRET_KEYS must be set when the database, the broker or the object store is not on this "
                "machine: every API process needs the same keys (generate one with `openssl rand -hex 32`)"
            )
        if any(len(key) < 16 for key in self.configured_keys):
            raise ValueError("UNTEACHABLE_SECRET_KEYS: a key needs at least 16 characters")
        return self

    @property
    def is_single_machine(self) -> bool:
        """Whether the database, the broker and the object store are all on this machine."""
        return (
            self.database.startswith("sqlite") and self.broker.startswith("redis+socket://") and "://" not in self.store
        )

    @property
    def configured_keys(self) -> tuple[str, ...]:
        """The signing keys of the settings, newest first; empty where none are set."""
        return _listed(self.secret_keys.replace("\n", ","))

    @property
    def home(self) -> Path:
        """The data folder as an absolute path."""
        return self.data_dir.expanduser().absolute()

    @property
    def database(self) -> str:
        """The SQLAlchemy URL in use."""
        return self.database_url or f"sqlite+pysqlite:///{self.home / 'unteachable.db'}"

    @property
    def broker(self) -> str:
        """The Celery URL in use."""
        return self.broker_url or f"redis+socket://{self.broker_socket}?virtual_host=0"

    @property
    def broker_socket(self) -> Path:
        """The socket of the embedded broker: in the data folder, or in a temporary one where the path is too long."""
        inside = self.home / "broker.sock"
        if len(os.fsencode(inside)) <= MAX_SOCKET_PATH_BYTES:
            return inside
        name = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"unteachable-{os.getuid()}-{name}" / "broker.sock"

    @property
    def store(self) -> str:
        """The folder or URL of the object store."""
        return self.store_url or str(self.home / "files")

    @property
    def s3_location(self) -> S3Location | None:
        """The bucket of the object store; None where the store is a folder."""
        return S3Location.parse(self.store) if "://" in self.store else None

    @property
    def scratch(self) -> Path:
        """The folder for temporary files of running jobs."""
        return self.home / "scratch"

    @property
    def service_address(self) -> ServiceAddress:
        """Where the API listens, and the hosts that it answers to."""
        public = PublicUrl.parse(self.public_url) if self.public_url else None
        further = (normalize_host(host) for host in _listed(self.allowed_hosts))
        return ServiceAddress(
            host=self.host, port=self.port, public=public, further_hosts=frozenset(host for host in further if host)
        )

    @property
    def address(self) -> str:
        """The URL at which users reach the service, without a slash at the end."""
        return self.public_url or self.service_address.local


@lru_cache
def get_settings() -> Settings:
    """Return the settings of this process; the first call reads them."""
    return Settings()


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
