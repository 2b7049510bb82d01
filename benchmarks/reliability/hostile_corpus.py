"""Malformed archives, images and names for `benchmarks.reliability.hostile_uploads`, drawn by hypothesis."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable

from hypothesis import strategies as st
from PIL import Image

from tests.support.png import png_file

BAD_NAMES = (
    "../up.png", "/etc/passwd.png", "a/../../b.png", "C:\\x.png", "\\\\host\\share\\x.png", "a//b.png", "./a/x.png",
    "a/.",
    "CON/x.png", "aux.png", "a./x.png", "a /x.png", "x.png::$DATA", "a/x\u202egnp.exe", "a/\u200b.png", "a/\x00.png",
    "a/\n.png", "a/\x1b[31m.png", "a/<script>.png", "a/'; DROP TABLE jobs;--.png", "a/%s%n%x.png", "a/{{7*7}}.png",
    "a/" + "x" * 300 + ".png", "d/" * 300 + "x.png", "", ".png", "..", "a/\ud7ff.png", "a/e\u0301.png",
    "a/\u00e9.png",
    "__MACOSX/._x.png", "Thumbs.db", ".DS_Store", "@eaDir/x.png", "a/x.PNG", "A/X.png",
    "a/" + "\U0001f408" * 60 + ".png",
)  # fmt: skip
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")


def image(fmt: str, size: int = 16, tint: int = 0) -> bytes:
    """A sound image.

    Args:
        fmt: one of Pillow's formats.
        size: its edge in pixels.
        tint: 0 to 255.
    """
    out = io.BytesIO()
    Image.new("RGB", (size, size), (tint % 256, 80, 200)).save(out, fmt)
    return out.getvalue()


SOUND = {fmt: image(fmt) for fmt in FORMATS}


def png_claiming(width: int, height: int, extra: bytes = b"") -> bytes:
    """A PNG whose header claims a size that its data do not have."""
    return png_file(width, height, bytes(1000), extra=extra)


def bad_zip(files: list[tuple[str, bytes]], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of these files, whatever their names; names may come twice."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files:
            info = zipfile.ZipInfo("x")
            info.filename, info.compress_type = name, method
            archive.writestr(info, data)
    return out.getvalue()


def bad_tar(files: list[tuple[str, bytes]], *, mode: str = "w") -> bytes:
    """A tar of these files, whatever their names."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def tar_of_links(kind: bytes, target: str) -> bytes:
    """A tar with two classes and an entry of another kind: a link, a device, a pipe."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for n in range(4):
            info = tarfile.TarInfo(f"{'ab'[n % 2]}/{n}.png")
            info.size = len(SOUND["PNG"])
            archive.addfile(info, io.BytesIO(SOUND["PNG"]))
        link = tarfile.TarInfo("a/link.png")
        link.type, link.linkname = kind, target
        archive.addfile(link)
    return out.getvalue()


def _classes(extra: tuple[str, bytes]) -> list[tuple[str, bytes]]:
    return [(f"{'ab'[n % 2]}/{n}.png", SOUND["PNG"]) for n in range(4)] + [extra]


def _mutated(draw: Callable[..., object], data: bytes) -> bytes:
    """Some bytes changed, cut off, doubled or inserted."""
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, 6))):  # type: ignore[call-overload]
        at = draw(st.integers(0, max(0, len(changed) - 1)))
        how = draw(st.sampled_from(["flip", "cut", "insert", "double", "ones"]))
        if how == "flip" and changed:
            changed[at] ^= draw(st.integers(1, 255))  # type: ignore[operator]
        elif how == "cut":
            del changed[at:]
        elif how == "insert":
            changed[at:at] = draw(st.binary(max_size=64))  # type: ignore[arg-type]
        elif how == "double":
            changed[at:at] = changed[: at + 1]  # type: ignore[operator]
        else:
            changed[at : at + 4] = b"\xff" * 4  # type: ignore[operator]
    return bytes(changed)


@st.composite
def images(draw: Callable[..., object]) -> bytes:
    """An image that is damaged, or claims to be larger than it is, or is none."""
    how = draw(st.sampled_from(["mutated", "huge", "text", "polyglot", "empty"]))
    if how == "mutated":
        return _mutated(draw, SOUND[draw(st.sampled_from(FORMATS))])  # type: ignore[index]
    if how == "huge":
        return png_claiming(draw(st.integers(0, 2**31 - 1)), draw(st.integers(0, 2**31 - 1)))  # type: ignore[arg-type]
    if how == "text":
        return draw(st.text(max_size=200)).encode("utf-8", "surrogatepass")  # type: ignore[attr-defined]
    return SOUND["GIF"] + bad_zip([("x.png", b"x")]) if how == "polyglot" else b""


@st.composite
def archives(draw: Callable[..., object]) -> bytes:
    """The bytes of an upload that is wrong somewhere."""
    name = draw(st.one_of(st.sampled_from(BAD_NAMES), st.text(max_size=40)))
    extra = (str(name).encode("utf-8", "replace").decode(), draw(images()))
    kind = draw(st.sampled_from(["zip", "tar", "gz", "xz", "bz2", "links", "bytes", "image", "bomb"]))
    if kind == "zip":
        method = draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]))
        whole = bad_zip(_classes(extra), method=method)  # type: ignore[arg-type]
    elif kind == "links":
        types = [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE, b"Z"]
        whole = tar_of_links(
            draw(st.sampled_from(types)), draw(st.sampled_from(["/etc/passwd", "../..", "a/0.png", ""]))
        )  # type: ignore[arg-type]
    elif kind == "bytes":
        return draw(st.binary(max_size=3000))  # type: ignore[return-value]
    elif kind == "image":
        return draw(images())  # type: ignore[return-value]
    elif kind == "bomb":
        whole = bad_zip(_classes(("a/bomb.png", bytes(4 << 20))))
        return whole if draw(st.booleans()) else gzip.compress(gzip.compress(whole))
    else:
        tar = bad_tar(_classes(extra))
        pack = {"tar": bytes, "gz": gzip.compress, "xz": lzma.compress, "bz2": bz2.compress}[str(kind)]
        whole = pack(_mutated(draw, tar) if draw(st.booleans()) else tar)
    return _mutated(draw, whole) if draw(st.booleans()) else whole
