"""The addresses of a deployment's database, broker and object store: what a setting may say, with one line if it errs.

No message repeats the address, because it may contain a password.
"""

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

POSTGRESQL, SQLITE = "postgresql+psycopg", "sqlite+pysqlite"
DRIVERS = {POSTGRESQL: POSTGRESQL, "postgresql": POSTGRESQL, SQLITE: SQLITE, "sqlite": SQLITE}
BROKER_SCHEMES = ("redis", "rediss", "redis+socket")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")


@dataclass(frozen=True, slots=True)
class S3Location:
    """A bucket, and the prefix of all keys in it, which may be empty."""

    bucket: str
    prefix: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read `s3://bucket/prefix`. Raises ValueError with the reason if it is something else."""
        scheme, _, rest = url.partition("://")
        if scheme != "s3":
            raise ValueError("must be a folder or s3://BUCKET/PREFIX; no other kind of store is known")
        bucket, _, prefix = rest.partition("/")
        if "@" in bucket or ":" in bucket:
            raise ValueError(
                "s3://BUCKET/PREFIX has no keys and no server in it: set UNTEACHABLE_S3_ACCESS_KEY_ID, "
                "UNTEACHABLE_S3_SECRET_ACCESS_KEY and UNTEACHABLE_S3_ENDPOINT"
            )
        if not _BUCKET.fullmatch(bucket):
            raise ValueError("names no bucket; write s3://BUCKET/PREFIX")
        if set("?#") & set(prefix) or any(part in (".", "..") for part in prefix.split("/")):
            raise ValueError("has a prefix that cannot be part of a key; write s3://BUCKET/PREFIX")
        return cls(bucket=bucket, prefix="/".join(part for part in prefix.split("/") if part))


def normalized_database_url(url: str) -> str:
    """Return a database URL with the driver that this service uses.

    Args:
        url: what the setting says.

    Raises:
        ValueError: it is no URL of a database that the service knows.
    """
    example = f"{POSTGRESQL}://USER:PASSWORD@HOST/DATABASE"
    if url.startswith("postgres://"):
        raise ValueError(f"postgres:// is not understood; write {example}")
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError(
            f"is not the URL of a database; write {example}, with special characters of the password in percent form"
        ) from None
    if parsed.drivername not in DRIVERS:
        raise ValueError(f"{parsed.drivername}:// is not understood; write {example}")
    if parsed.get_backend_name() == "postgresql" and not parsed.database:
        raise ValueError(f"names no database; write {example}")
    return parsed.set(drivername=DRIVERS[parsed.drivername]).render_as_string(hide_password=False)


def checked_broker_url(url: str) -> str:
    """Return the URL of a broker.

    Args:
        url: what the setting says.

    Raises:
        ValueError: it is no URL of a Redis or Valkey server.
    """
    example = "redis://:PASSWORD@HOST:6379/0"
    scheme, separator, _ = url.partition("://")
    if not separator or scheme not in BROKER_SCHEMES:
        named = f"{scheme}:// is not understood" if separator else "is not the URL of a broker"
        raise ValueError(f"{named}; write {example} for Redis and for Valkey, or rediss:// for TLS")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError(
            f"is not the URL of a broker; write {example}, with special characters of the password in percent form"
        ) from None
    if scheme == "redis+socket":
        if not parts.path:
            raise ValueError("names no socket; write redis+socket:///PATH?virtual_host=0")
    elif not parts.hostname:
        raise ValueError(f"names no host; write {example}")
    elif not re.fullmatch(r"/?\d*", parts.path):
        raise ValueError(f"ends with something else than the number of a database; write {example}")
    return url


def checked_endpoint(url: str) -> str:
    """Return the address of an S3 server, without a slash at the end.

    Args:
        url: what the setting says.

    Raises:
        ValueError: it is no http or https address of a server.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError("is not the address of a server; write https://HOST or http://HOST:PORT") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("is not the address of a server; write https://HOST or http://HOST:PORT")
    if parts.username is not None:
        raise ValueError("has keys in it: set UNTEACHABLE_S3_ACCESS_KEY_ID and UNTEACHABLE_S3_SECRET_ACCESS_KEY")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("has a path: the bucket belongs into UNTEACHABLE_STORE_URL")
    return url.rstrip("/")
