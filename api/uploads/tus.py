"""The headers of the tus 1.0 protocol (https://tus.io/protocols/resumable-upload)."""

import base64
import binascii
import hashlib

from starlette.datastructures import Headers

from api.problems import Problem

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,termination,checksum,expiration"
ALGORITHMS = ("sha1", "sha256", "md5")
BODY_TYPE = "application/offset+octet-stream"


def bad_request(detail: str) -> Problem:
    """A 400: the request does not follow the protocol."""
    return Problem(400, detail, kind="bad-tus-request")


def parse_number(value: str | None, header: str) -> int:
    """Read a header that is a number of bytes.

    Args:
        value: The value of the header; None if it is missing.
        header: The name of the header, for the error.

    Returns:
        The number, 0 or more.

    Raises:
        Problem: 400 if it is missing or not such a number.
    """
    if value is None or not (value.isascii() and value.isdigit() and len(value) <= 18):
        raise bad_request(f"{header} must be a whole number of bytes.")
    return int(value)


def parse_metadata(header: str | None) -> dict[str, str]:
    """Read `Upload-Metadata`.

    Args:
        header: The value of the header: keys with values in base64, separated by commas.

    Returns:
        The decoded values by key.

    Raises:
        Problem: 400 if a value is not the base64 of UTF-8.
    """
    metadata: dict[str, str] = {}
    for pair in (header or "").split(","):
        key, _, value = pair.strip().partition(" ")
        if not key:
            continue
        if key in metadata or not key.isascii():
            raise bad_request(f"Upload-Metadata: the key {key!r} is there twice, or is not ASCII.")
        try:
            metadata[key] = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise bad_request(f"Upload-Metadata: the value of {key!r} is not the base64 of UTF-8.") from None
    return metadata


def refuse_unsupported(headers: Headers) -> None:
    """Refuse what would only be half understood.

    Args:
        headers: The headers of a request that creates an upload or appends to it.

    Raises:
        Problem: 400 or 415 for an extension of tus, or an encoding of the body, that is not supported.
    """
    for header in ("Upload-Concat", "Upload-Defer-Length"):
        if header in headers:
            raise bad_request(f"{header} is not supported; this service knows the extensions {EXTENSIONS}.")
    if "upload-checksum" in headers.get("trailer", "").lower():
        raise bad_request("A checksum after the body is not supported; send Upload-Checksum as a header.")
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise Problem(415, "Send the bytes as they are, without a Content-Encoding.", kind="unsupported-media-type")


class Checksum:
    """The checksum of a request's body, computed while the bytes arrive.

    Args:
        header: The value of `Upload-Checksum`: the algorithm, and the expected digest in base64.

    Raises:
        Problem: 400 for an unknown algorithm, or a digest that is not base64.
    """

    def __init__(self, header: str) -> None:
        algorithm, _, expected = header.partition(" ")
        if algorithm not in ALGORITHMS:
            raise bad_request(f"Upload-Checksum: the known algorithms are {', '.join(ALGORITHMS)}.")
        try:
            self._expected = base64.b64decode(expected.strip(), validate=True)
        except binascii.Error:
            raise bad_request("Upload-Checksum: the checksum is not base64.") from None
        self._hash = hashlib.new(algorithm, usedforsecurity=False)

    def update(self, data: bytes) -> None:
        """Add the next bytes of the body."""
        self._hash.update(data)

    def verify(self) -> None:
        """Raises Problem 460 if the bytes that arrived do not have the expected checksum."""
        if self._hash.digest() != self._expected:
            detail = "The bytes that arrived do not have the announced checksum; send them again."
            raise Problem(460, detail, kind="checksum")
