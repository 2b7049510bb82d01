"""The settings of what machines share: the database, the broker, the object store, and the secrets of all of them."""

from typing import Any, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings

from store.secret_files import read_secret_files
from store.service_urls import S3Location, checked_broker_url, checked_endpoint, normalized_database_url


class ServiceSettings(BaseSettings):
    """The part of the settings that says where the database, the broker and the object store are.

    Raises:
        ValidationError: a value is invalid, or two values contradict each other. The error names the setting.
    """

    database_url: str = Field(
        default="", description="postgresql+psycopg://… beyond one machine; default SQLite in DATA_DIR"
    )
    database_url_file: str = Field(default="", description="file that holds DATABASE_URL, in place of it")
    broker_url: str = Field(
        default="", description="redis://… beyond one machine; default an embedded Valkey in DATA_DIR"
    )
    broker_url_file: str = Field(default="", description="file that holds BROKER_URL, in place of it")
    store_url: str = Field(
        default="", description="a folder, or s3://bucket/prefix beyond one machine; default a folder in DATA_DIR"
    )
    s3_endpoint: str = Field(
        default="",
        description="address of an S3 server, such as https://s3.example.org; default that of Amazon's region",
    )
    s3_region: str = Field(default="", description="region of the S3 bucket; default AWS_REGION, else us-east-1")
    s3_access_key_id: str = Field(
        default="",
        description="access key of the S3 bucket; default that of the AWS_… variables or of the machine's role",
    )
    s3_access_key_id_file: str = Field(default="", description="file that holds S3_ACCESS_KEY_ID, in place of it")
    s3_secret_access_key: str = Field(default="", description="secret key that belongs to S3_ACCESS_KEY_ID")
    s3_secret_access_key_file: str = Field(
        default="", description="file that holds S3_SECRET_ACCESS_KEY, in place of it"
    )
    s3_path_style: bool = Field(
        default=True, description="address the bucket as ENDPOINT/BUCKET; false for BUCKET.ENDPOINT"
    )
    s3_direct_downloads: bool = Field(
        default=True,
        description="browsers download archives from the bucket itself, by addresses that are valid for five minutes, "
        "where they reach it: at S3_PUBLIC_ENDPOINT, or at Amazon's; false for always through the API",
    )
    s3_public_endpoint: str = Field(
        default="",
        description="address at which browsers reach the S3 server, such as https://s3.example.org; "
        "without it downloads go through the API, unless the server is Amazon's",
    )
    secret_keys: str = Field(
        default="",
        description="signing keys, newest first, comma-separated; default one in DATA_DIR; required beyond one machine",
    )
    secret_keys_file: str = Field(
        default="", description="file that holds SECRET_KEYS, one a line or comma-separated, in place of it"
    )

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, values: Any) -> Any:
        if isinstance(values, dict):
            read_secret_files(values := dict(values))
        return values

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, url: str) -> str:
        return normalized_database_url(url.strip()) if url.strip() else ""

    @field_validator("broker_url")
    @classmethod
    def _check_broker_url(cls, url: str) -> str:
        return checked_broker_url(url.strip()) if url.strip() else ""

    @field_validator("store_url")
    @classmethod
    def _check_store_url(cls, url: str) -> str:
        if "://" in url:
            S3Location.parse(url.strip())
        return url.strip()

    @field_validator("s3_endpoint", "s3_public_endpoint")
    @classmethod
    def _check_endpoint(cls, url: str) -> str:
        return checked_endpoint(url.strip()) if url.strip() else ""

    @model_validator(mode="after")
    def _require_both_s3_keys(self) -> Self:
        if bool(self.s3_access_key_id) != bool(self.s3_secret_access_key):
            missing = "UNTEACHABLE_S3_SECRET_ACCESS_KEY" if self.s3_access_key_id else "UNTEACHABLE_S3_ACCESS_KEY_ID"
            raise ValueError(f"{missing} must be set: the two keys of the S3 bucket belong together")
        return self
