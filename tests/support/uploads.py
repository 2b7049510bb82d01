"""Uploads for the tests of core, made from bytes: pictures of every kind, archives well and badly meant."""

import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.errors import BadInput
from core.ingest.inspection import inspect_upload
from core.limits import Limits


def pixels(width: int = 40, height: int = 30, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Smooth random colours, uint8 (height, width, channels); two axes where channels is 1."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (4, 4, 4), dtype=np.uint8), "RGBA" if channels == 4 else None)
    values = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))
    return values[..., 0] if channels == 1 else values[..., :channels]


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def picture(format: str = "PNG", width: int = 40, height: int = 30, seed: int = 0, **options: Any) -> bytes:
    return encoded(Image.fromarray(pixels(width, height, seed=seed)), format, **options)


def png(width: int, height: int, data: bytes, *, bits: int = 8, colour: int = 2, key: bytes = b"") -> bytes:
    """A PNG of any header, with these bytes as its rows; `key` is what its tRNS chunk holds, if it has one."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    clear = chunk(b"tRNS", key) if key else b""
    return b"\x89PNG\r\n\x1a\n" + head + clear + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def png_header(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is this large, and has next to no data."""
    return png(width, height, bytes(1000))


def two_classes(**more: bytes) -> dict[str, bytes]:
    """Two folders of two small pictures each; `more` by names in which __ stands for / and _dot_ for the dot."""
    files = {f"{c}/{i}.png": picture(seed=10 * k + i) for k, c in enumerate(("cat", "dog")) for i in range(2)}
    return files | {name.replace("__", "/").replace("_dot_", "."): data for name, data in more.items()}


def folder_of(root: Path, files: Mapping[str, bytes]) -> Path:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def zip_of(path: Path, files: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def tar_of(path: Path, files: Mapping[str, bytes], *members: tarfile.TarInfo, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for member in members:
            archive.addfile(member)
    return path


GOOD = two_classes(readme_dot_txt=b"hello")


def refused(source: Path, limits: Limits | None = None) -> BadInput:
    with pytest.raises(BadInput) as caught:
        inspect_upload(source, limits or Limits())
    assert caught.value.reason.endswith(".")
    return caught.value
