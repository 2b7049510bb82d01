"""The S3 store of the settings: where it is, who signs, and how long a request may take."""

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from obstore.store import S3Store

from store.settings import Settings

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config

ENDPOINT_VARIABLES = ("AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")  # of a server that is not Amazon's


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Patience:
    """How long the store may take.

    Attributes:
        connect_seconds: to accept a connection.
        silent_seconds: without a byte of an answer.
        request_seconds: for one request with its whole body, which has at most some MiB.
        retry_seconds: for a request and all its repetitions after errors that may pass.
        retries: the largest number of repetitions.
    """

    connect_seconds: float = 3.0
    silent_seconds: float = 10.0
    request_seconds: float = 60.0
    retry_seconds: float = 8.0
    retries: int = 4


def open_s3(settings: Settings, patience: S3Patience, *, for_browsers: bool = False) -> S3Store:
    """Open the bucket of the settings; nothing is sent yet.

    Args:
        settings: the bucket, its server and its keys. What they leave open is read from the `AWS_…` variables.
        patience: how long the store may take.
        for_browsers: whether addresses are made for browsers, which may reach the server at another address.

    Raises:
        ValueError: the settings name no bucket.
    """
    location = settings.s3_location
    if location is None:
        raise ValueError("the object store of the settings is a folder")
    address = (settings.s3_public_endpoint if for_browsers else "") or settings.s3_endpoint
    config: S3Config = {"virtual_hosted_style_request": not settings.s3_path_style}
    client: ClientConfig = {
        "connect_timeout": timedelta(seconds=patience.connect_seconds),
        "read_timeout": timedelta(seconds=patience.silent_seconds),
        "timeout": timedelta(seconds=patience.request_seconds),
        "allow_http": address.startswith("http://") or _environment_allows_http(),
    }
    retries: RetryConfig = {
        "max_retries": patience.retries,
        "retry_timeout": timedelta(seconds=patience.retry_seconds),
        "backoff": {
            "init_backoff": timedelta(milliseconds=200),
            "max_backoff": timedelta(seconds=2),
            "base": 2,
        },
    }
    if address:
        config["endpoint"] = _endpoint(address, location.bucket, path_style=settings.s3_path_style)
    if settings.s3_region:
        config["region"] = settings.s3_region
    if settings.s3_access_key_id:
        config["access_key_id"] = settings.s3_access_key_id
        config["secret_access_key"] = settings.s3_secret_access_key
    return S3Store(
        location.bucket,
        prefix=location.prefix or None,
        config=config,
        client_options=client,
        retry_config=retries,
    )


def gives_direct_downloads(settings: Settings) -> bool:
    """Return whether browsers download archives from the S3 server itself: where its public address is known.

    Args:
        settings: the bucket, and the addresses of its server. Without one the server is Amazon's.
    """
    if settings.s3_location is None or not settings.s3_direct_downloads:
        return False
    has_own_server = bool(settings.s3_endpoint or any(os.environ.get(name) for name in ENDPOINT_VARIABLES))
    return bool(settings.s3_public_endpoint) or not has_own_server


def _endpoint(address: str, bucket: str, *, path_style: bool) -> str:
    """The address of the server, or that of the bucket where it has a host of its own."""
    if path_style:
        return address
    parts = urlsplit(address)
    return f"{parts.scheme}://{bucket}.{parts.netloc}"


def _environment_allows_http() -> bool:
    return os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true", "yes")
