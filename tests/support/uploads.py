"""Uploads for the tests of core: encoded images of every kind, and archives and folders of them."""

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.errors import BadInput
from core.ingest.inspection import inspect_upload
from core.limits import Limits
from tests.support.png import chunk, png_file


def pixels(width: int = 40, height: int = 30, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Smooth random colours, uint8 (height, width, channels), or (height, width) for one channel."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (4, 4, 4), dtype=np.uint8), "RGBA" if channels == 4 else None)
    values = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))
    return values[..., 0] if channels == 1 else values[..., :channels]


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    """The file of an image; `options` are Pillow's."""
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def image_file(format: str = "PNG", width: int = 40, height: int = 30, seed: int = 0, **options: Any) -> bytes:
    """The file of an RGB image with the colours of `pixels`; `options` are Pillow's."""
    return encoded(Image.fromarray(pixels(width, height, seed=seed)), format, **options)


def png(width: int, height: int, data: bytes, *, bits: int = 8, colour: int = 2, key: bytes = b"") -> bytes:
    """A PNG with any header: `data` are its rows, `colour` its colour type, `key` the content of its tRNS chunk."""
    clear = chunk(b"tRNS", key) if key else b""
    return png_file(width, height, data, bits=bits, colour=colour, extra=clear)


def png_header(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header states this size; most of its pixels are missing."""
    return png(width, height, bytes(1000))


def two_classes(**more: bytes) -> dict[str, bytes]:
    """Two class folders of two images each, and `more` files; in their names __ stands for / and _dot_ for a dot."""
    files = {f"{c}/{i}.png": image_file(seed=10 * k + i) for k, c in enumerate(("cat", "dog")) for i in range(2)}
    return files | {name.replace("__", "/").replace("_dot_", "."): data for name, data in more.items()}


def write_folder(root: Path, files: Mapping[str, bytes]) -> Path:
    """Write files below `root`, which is returned."""
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def write_zip(path: Path, files: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    """Write a zip to `path`, which is returned."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def write_tar(path: Path, files: Mapping[str, bytes], *members: tarfile.TarInfo, mode: str = "w") -> Path:
    """Write a tar of files, and of `members` without content, to `path`, which is returned; `mode` is tarfile's."""
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for member in members:
            archive.addfile(member)
    return path


VALID_FILES = two_classes(readme_dot_txt=b"hello")


def inspection_error(source: Path, limits: Limits | None = None) -> BadInput:
    """The error with which the inspection of a source ends; its reason is a sentence."""
    with pytest.raises(BadInput) as caught:
        inspect_upload(source, limits or Limits())
    assert caught.value.reason.endswith(".")
    return caught.value
