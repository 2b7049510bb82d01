"""A minimal client of the tus 1.0 protocol."""

import base64
import socket
from typing import Any
from urllib.parse import urlsplit

import httpx

TUS_HEADERS = {"Tus-Resumable": "1.0.0"}
PATCH_HEADERS = TUS_HEADERS | {"Content-Type": "application/offset+octet-stream"}


def metadata(**values: str) -> dict[str, str]:
    """The `Upload-Metadata` header with these values."""
    return {"Upload-Metadata": ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in values.items())}


def begin(client: httpx.Client, length: int, **values: str) -> str:
    """Begin an upload of `length` bytes; returns its address."""
    headers = TUS_HEADERS | {"Upload-Length": str(length)} | metadata(**(values or {"filename": "pets.zip"}))
    answer = client.post("/v1/uploads", headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


def patch(client: httpx.Client, url: str, data: Any, offset: int, **headers: str) -> httpx.Response:
    """Send the next bytes of an upload."""
    return client.patch(url, content=data, headers=PATCH_HEADERS | {"Upload-Offset": str(offset)} | headers)


def offset(client: httpx.Client, url: str) -> int:
    """The offset of an upload."""
    answer = client.head(url, headers=TUS_HEADERS)
    assert answer.status_code == 200
    return int(answer.headers["upload-offset"])


def finish(client: httpx.Client, url: str, data: bytes, at: int = 0) -> str:
    """Send the rest of an upload from offset `at`; returns the dataset's address."""
    answer = patch(client, url, data[at:], at)
    assert answer.status_code == 204, answer.text
    assert answer.headers["upload-offset"] == str(len(data))
    return answer.headers["upload-dataset"]


def raw_patch(service_url: str, token: str, url: str, *, length: int, at: int = 0) -> socket.socket:
    """A connection on which the headers of a PATCH of `length` bytes were sent."""
    where = urlsplit(service_url)
    assert where.hostname is not None
    assert where.port is not None
    connection = socket.create_connection((where.hostname, where.port), timeout=20)
    lines = [f"PATCH {url} HTTP/1.1", f"Host: {where.netloc}", f"Authorization: Bearer {token}"]
    lines += [f"{k}: {v}" for k, v in PATCH_HEADERS.items()] + [
        f"Upload-Offset: {at}",
        f"Content-Length: {length}",
        "",
        "",
    ]
    connection.sendall("\r\n".join(lines).encode())
    return connection
