"""The few lines that a tus client is."""

import base64
import socket
from typing import Any
from urllib.parse import urlsplit

import httpx

TUS = {"Tus-Resumable": "1.0.0"}
PIECE = TUS | {"Content-Type": "application/offset+octet-stream"}


def metadata(**values: str) -> dict[str, str]:
    """The header that carries these values."""
    return {"Upload-Metadata": ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in values.items())}


def begin(client: httpx.Client, length: int, **values: str) -> str:
    """A new upload; its address."""
    headers = TUS | {"Upload-Length": str(length)} | metadata(**(values or {"filename": "pets.zip"}))
    answer = client.post("/v1/uploads", headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


def patch(client: httpx.Client, url: str, data: Any, offset: int, **headers: str) -> httpx.Response:
    """Send a piece."""
    return client.patch(url, content=data, headers=PIECE | {"Upload-Offset": str(offset)} | headers)


def offset(client: httpx.Client, url: str) -> int:
    """Where the server is."""
    answer = client.head(url, headers=TUS)
    assert answer.status_code == 200
    return int(answer.headers["upload-offset"])


def finish(client: httpx.Client, url: str, data: bytes, at: int = 0) -> str:
    """Send the rest; the dataset's address."""
    answer = patch(client, url, data[at:], at)
    assert answer.status_code == 204, answer.text
    assert answer.headers["upload-offset"] == str(len(data))
    return answer.headers["upload-dataset"]


def raw_patch(service_url: str, token: str, url: str, *, length: int, at: int = 0) -> socket.socket:
    """A connection on which a PATCH of `length` bytes has begun."""
    where = urlsplit(service_url)
    assert where.hostname is not None
    assert where.port is not None
    connection = socket.create_connection((where.hostname, where.port), timeout=20)
    lines = [f"PATCH {url} HTTP/1.1", f"Host: {where.netloc}", f"Authorization: Bearer {token}"]
    lines += [f"{k}: {v}" for k, v in PIECE.items()] + [f"Upload-Offset: {at}", f"Content-Length: {length}", "", ""]
    connection.sendall("\r\n".join(lines).encode())
    return connection
