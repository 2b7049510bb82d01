"""Archives for tests, good ones and bad ones, made on the spot."""

import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable

GOOD = {f"{kind}/{n}.png": (kind, n) for kind in ("cats", "dogs") for n in range(3)}


def png(width: int = 8, height: int = 8, *, tint: int = 0) -> bytes:
    """A real picture of one colour, RGB, without any library; its header may lie about its size."""
    rows = b"".join(b"\0" + bytes([tint % 256, 90, 160]) * 8 for _ in range(8))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pictures() -> dict[str, bytes]:
    """Three pictures of each of two classes."""
    return {path: png(tint=40 * n + (100 if kind == "dogs" else 0)) for path, (kind, n) in GOOD.items()}


def zipped(files: dict[str, bytes] | None = None, *, method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip of these files, or of `pictures()`."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for path, data in (pictures() if files is None else files).items():
            archive.writestr(path, data)
    return out.getvalue()


def tarred(
    files: dict[str, bytes] | None = None, *, mode: str = "w", also: list[tarfile.TarInfo] | None = None
) -> bytes:
    """A tar of these files, or of `pictures()`, and of bare entries."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for path, data in (pictures() if files is None else files).items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for info in also or []:
            archive.addfile(info)
    return out.getvalue()


def entry(path: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    """A tar entry that is no file."""
    info = tarfile.TarInfo(path)
    info.type, info.linkname = kind, target
    return info


def zip_symlink() -> bytes:
    """A zip in which one entry is a symbolic link."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, data in pictures().items():
            archive.writestr(path, data)
        link = zipfile.ZipInfo("cats/link.png")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    return out.getvalue()


def encrypted() -> bytes:
    """A zip whose entries say that they are encrypted."""
    data = bytearray(zipped())
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        position = data.find(signature)
        while position >= 0:
            data[position + at] |= 1
            position = data.find(signature, position + 4)
    return bytes(data)


def lying(declared: int = 10) -> bytes:
    """A zip with an entry that unpacks to more than both of its headers declare."""
    real = png() + b"\0" * 50_000
    data = bytearray(zipped(pictures() | {"cats/big.png": real}, method=zipfile.ZIP_DEFLATED))
    for signature, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        position = data.rfind(signature)
        data[position + at : position + at + 4] = struct.pack("<I", declared)
    return bytes(data)


def bomb(megabytes: int = 300) -> bytes:
    """A small zip that unpacks to very much."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path, data in pictures().items():
            archive.writestr(path, data)
        with archive.open("cats/bomb.png", "w", force_zip64=True) as file:
            for _ in range(megabytes):
                file.write(b"\0" * 2**20)
    return out.getvalue()


Make = Callable[[], bytes]

BAD: dict[str, tuple[Make, int, str]] = {  # name: how to make it, the status it gets, and a word of the reason
    "not an archive": (lambda: b"just some words, over and over " * 40, 415, "archive"),
    "a picture": (lambda: png(), 415, "archive"),
    "no bytes": (lambda: b"", 422, "empty"),
    "an empty zip": (lambda: zipped({}), 422, "nothing inside"),
    "an empty tar": (lambda: tarred({}), 422, "nothing inside"),
    "a truncated zip": (lambda: zipped()[:-30], 422, "truncated"),
    "a truncated tar": (lambda: tarred()[:3000], 422, "truncated"),
    "a truncated tar.gz": (lambda: tarred(mode="w:gz")[:-20], 422, "truncated"),
    "a truncated tar.xz": (lambda: tarred(mode="w:xz")[:-20], 422, "truncated"),
    "an archive inside": (lambda: zipped(pictures() | {"cats/more.zip": zipped()}), 422, "another archive"),
    "an absolute path": (lambda: zipped(pictures() | {"/etc/passwd.png": png()}), 422, "absolute"),
    "a Windows path": (lambda: zipped(pictures() | {"C:\\cats\\x.png": png()}), 422, "absolute"),
    "two dots": (lambda: zipped(pictures() | {"cats/../../x.png": png()}), 422, ".."),
    "two dots in a tar": (lambda: tarred(pictures() | {"../x.png": png()}), 422, ".."),
    "a symbolic link": (zip_symlink, 422, "link"),
    "a symbolic link in a tar": (
        lambda: tarred(also=[entry("cats/l.png", tarfile.SYMTYPE, "/etc/passwd")]),
        422,
        "link",
    ),
    "a hard link": (lambda: tarred(also=[entry("cats/l.png", tarfile.LNKTYPE, "cats/0.png")]), 422, "link"),
    "a device": (lambda: tarred(also=[entry("cats/dev.png", tarfile.CHRTYPE)]), 422, "device"),
    "a fifo": (lambda: tarred(also=[entry("cats/fifo.png", tarfile.FIFOTYPE)]), 422, "device"),
    "names equal after case folding": (lambda: zipped(pictures() | {"Cats/0.PNG": png()}), 422, "same name"),
    "names equal after normalisation": (
        lambda: zipped(pictures() | {"cats/\u00e9.png": png(), "cats/e\u0301.png": png()}),
        422,
        "same name",
    ),
    "a size that lies": (lying, 422, "declares"),
    "a bomb": (bomb, 413, "bombs"),
    "encrypted entries": (encrypted, 422, "encrypted"),
    "no pictures": (lambda: zipped({"a/x.txt": b"x", "b/y.txt": b"y"}), 422, "no pictures"),
    "one class": (lambda: zipped({"cats/0.png": png(), "cats/1.png": png()}), 422, "one class"),
    "no classes": (lambda: zipped({"0.png": png(), "1.png": png()}), 422, "class"),
}
