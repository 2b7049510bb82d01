"""Archives as bytes, valid and invalid, made with the standard library only."""

import io
import struct
import tarfile
import zipfile
from collections.abc import Callable

from tests.support.png import png_file

IMAGES = {f"{name}/{n}.png": (name, n) for name in ("cats", "dogs") for n in range(3)}  # path: (class, number)


def png(width: int = 8, height: int = 8, *, tint: int = 0) -> bytes:
    """An RGB PNG of 8 x 8 pixels of one colour. Its header states `width` and `height`, which may be wrong."""
    rows = b"".join(b"\0" + bytes([tint % 256, 90, 160]) * 8 for _ in range(8))
    return png_file(width, height, rows)


def image_files() -> dict[str, bytes]:
    """Three images of each of two classes, by path."""
    return {path: png(tint=40 * n + (100 if name == "dogs" else 0)) for path, (name, n) in IMAGES.items()}


def zipped(files: dict[str, bytes] | None = None, *, method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip of `files`; default: `image_files()`."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for path, data in (image_files() if files is None else files).items():
            archive.writestr(path, data)
    return out.getvalue()


def tarred(
    files: dict[str, bytes] | None = None, *, mode: str = "w", extra: list[tarfile.TarInfo] | None = None
) -> bytes:
    """A tar of `files` (default: `image_files()`), and of `extra` entries without content. `mode` is tarfile's."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for path, data in (image_files() if files is None else files).items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for info in extra or []:
            archive.addfile(info)
    return out.getvalue()


def tar_entry(path: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    """An entry of a tar without content, such as a link (`kind` is one of tarfile's types)."""
    info = tarfile.TarInfo(path)
    info.type, info.linkname = kind, target
    return info


def zip_with_symlink() -> bytes:
    """A zip in which one entry is a symbolic link."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, data in image_files().items():
            archive.writestr(path, data)
        link = zipfile.ZipInfo("cats/link.png")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    return out.getvalue()


def zip_with_a_name_twice() -> bytes:
    """A zip in which two entries have one name."""
    return zipped(image_files() | {"cats/9.png": png()}).replace(b"cats/9.png", b"cats/0.png")


def encrypted_zip() -> bytes:
    """A zip whose headers mark every entry as encrypted."""
    data = bytearray(zipped())
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        position = data.find(signature)
        while position >= 0:
            data[position + at] |= 1
            position = data.find(signature, position + 4)
    return bytes(data)


def zip_with_wrong_size(declared: int = 10) -> bytes:
    """A zip with an entry that unpacks to more bytes than its headers declare."""
    real = png() + b"\0" * 50_000
    data = bytearray(zipped(image_files() | {"cats/big.png": real}, method=zipfile.ZIP_DEFLATED))
    for signature, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        position = data.rfind(signature)
        data[position + at : position + at + 4] = struct.pack("<I", declared)
    return bytes(data)


def zip_bomb(megabytes: int = 300) -> bytes:
    """A small zip that unpacks to this many megabytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path, data in image_files().items():
            archive.writestr(path, data)
        with archive.open("cats/bomb.png", "w", force_zip64=True) as file:
            for _ in range(megabytes):
                file.write(b"\0" * 2**20)
    return out.getvalue()


Make = Callable[[], bytes]

BAD_UPLOADS: dict[str, tuple[Make, int, str]] = {  # name: (how to make it, expected status, part of the reason)
    "not an archive": (lambda: b"This is only text. " * 60, 415, "archive"),
    "an image that cannot be protected": (lambda: b"8BPS" + bytes(600), 415, "archive"),
    "no bytes": (lambda: b"", 422, "empty"),
    "an empty zip": (lambda: zipped({}), 422, "nothing inside"),
    "an empty tar": (lambda: tarred({}), 422, "nothing inside"),
    "a truncated zip": (lambda: zipped()[:-30], 422, "truncated"),
    "a truncated tar": (lambda: tarred()[:3000], 422, "truncated"),
    "a truncated tar.gz": (lambda: tarred(mode="w:gz")[:-20], 422, "truncated"),
    "a truncated tar.xz": (lambda: tarred(mode="w:xz")[:-20], 422, "truncated"),
    "an archive inside": (lambda: zipped(image_files() | {"cats/more.zip": zipped()}), 422, "another archive"),
    "an absolute path": (lambda: zipped(image_files() | {"/etc/passwd.png": png()}), 422, "absolute"),
    "a Windows path": (lambda: zipped(image_files() | {"C:\\cats\\x.png": png()}), 422, "absolute"),
    "two dots": (lambda: zipped(image_files() | {"cats/../../x.png": png()}), 422, ".."),
    "two dots in a tar": (lambda: tarred(image_files() | {"../x.png": png()}), 422, ".."),
    "a symbolic link": (zip_with_symlink, 422, "link"),
    "a symbolic link in a tar": (
        lambda: tarred(extra=[tar_entry("cats/l.png", tarfile.SYMTYPE, "/etc/passwd")]),
        422,
        "link",
    ),
    "a hard link": (lambda: tarred(extra=[tar_entry("cats/l.png", tarfile.LNKTYPE, "cats/0.png")]), 422, "link"),
    "a device": (lambda: tarred(extra=[tar_entry("cats/dev.png", tarfile.CHRTYPE)]), 422, "device"),
    "a fifo": (lambda: tarred(extra=[tar_entry("cats/fifo.png", tarfile.FIFOTYPE)]), 422, "device"),
    "names equal after case folding": (lambda: zipped(image_files() | {"Cats/0.PNG": png()}), 422, "same name"),
    "the same name twice": (zip_with_a_name_twice, 422, "the same name, “cats/0.png”"),
    "names equal after normalisation": (
        lambda: zipped(image_files() | {"cats/\u00e9.png": png(), "cats/e\u0301.png": png()}),
        422,
        "same name",
    ),
    "a wrong size": (zip_with_wrong_size, 422, "declares"),
    "a bomb": (zip_bomb, 413, "bombs"),
    "encrypted entries": (encrypted_zip, 422, "encrypted"),
    "no images": (lambda: zipped({"a/x.txt": b"x", "b/y.txt": b"y"}), 422, "no images"),
}
