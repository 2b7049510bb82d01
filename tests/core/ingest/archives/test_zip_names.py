"""Names in zips: the Unicode path is used, and else one encoding for the whole archive, or the bytes are kept."""

import struct
import zipfile
import zlib
from pathlib import Path

import pytest

from core.ingest.inspection import inspect_upload
from core.ingest.unpack import unpack
from core.limits import Limits


def write_names(path: Path, names: list[bytes], *, extras: dict[bytes, bytes] | None = None) -> Path:
    """A zip with these names, as bytes without a word on their encoding, each with its number as content."""

    class RawName(zipfile.ZipInfo):
        def _encodeFilenameFlags(self) -> tuple[bytes, int]:
            return self.raw, self.flag_bits  # type: ignore[attr-defined]

        __slots__ = ("raw",)

    with zipfile.ZipFile(path, "w") as archive:
        for number, name in enumerate(names):
            info = RawName(str(number))
            info.raw = name  # type: ignore[attr-defined]
            info.extra = (extras or {}).get(name, b"")
            archive.writestr(info, str(number))
    return path


def unicode_path(name: str, stored: bytes, *, crc: int | None = None) -> bytes:
    """Info-ZIP's extra field with a name in UTF-8."""
    data = struct.pack("<BL", 1, zlib.crc32(stored) if crc is None else crc) + name.encode()
    return struct.pack("<HH", 0x7075, len(data)) + data


def paths(source: Path) -> list[str]:
    return [entry.path for entry in inspect_upload(source).entries]


def note(source: Path, target: Path) -> str:
    return " ".join(unpack(source, target, Limits()).notes)


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("gbk", ["猫/照片1.jpg", "狗/图片2.jpg", "花/我的照片.jpg"]),
        ("big5", ["貓/照片1.jpg", "狗/圖片2.jpg", "功許蓋/3.jpg"]),
        ("cp866", ["кошки/фото1.jpg", "собаки/фото2.jpg", "Мои фотографии/дом.jpg"]),
        ("cp866", ["кот/1.jpg", "пёс/2.jpg"]),
        ("cp932", ["猫/写真1.jpg", "犬/表示2.jpg", "ソフト/カメラ.jpg"]),
        ("cp949", ["고양이/사진1.jpg", "강아지/사진2.jpg"]),
        ("cp852", ["żółw/1.jpg", "łoś/2.jpg"]),
        ("cp1251", ["кошки/фото1.jpg", "собаки/фото2.jpg"]),
    ],
)
def test_one_encoding_is_found_for_the_whole_archive_and_said(tmp_path: Path, encoding: str, names: list[str]) -> None:
    source = write_names(tmp_path / "a.zip", [name.encode(encoding) for name in [*names, "plain/3.jpg"]])
    assert paths(source) == [*names, "plain/3.jpg"]
    assert "They were read as" in note(source, tmp_path / "s")


def test_utf8_without_its_flag_needs_no_word(tmp_path: Path) -> None:
    source = write_names(tmp_path / "a.zip", ["猫/é.jpg".encode(), b"dog/1.jpg"])
    assert paths(source) == ["猫/é.jpg", "dog/1.jpg"]
    assert note(source, tmp_path / "s") == ""


def test_where_several_encodings_fit_the_bytes_are_kept_and_that_is_said(tmp_path: Path) -> None:
    names = [name.encode("gbk") for name in ("猫/1.jpg", "狗/2.jpg")]
    source = write_names(tmp_path / "a.zip", names)
    assert [path.encode("cp437") for path in paths(source)] == names
    assert "the bytes were kept" in note(source, tmp_path / "s")


def test_one_name_that_is_no_utf8_decides_for_all(tmp_path: Path) -> None:
    """Decoded entry by entry, a folder would fall apart into two."""
    names = ["кошки/фото1.jpg", "кошки/дом.jpg", "собаки/2.jpg"]
    source = write_names(tmp_path / "a.zip", [name.encode("cp866") for name in names])
    assert {path.partition("/")[0] for path in paths(source)} == {"кошки", "собаки"}


def test_the_unicode_path_is_used_where_it_belongs_to_the_name(tmp_path: Path) -> None:
    stored = ["猫/1.jpg".encode("gbk"), b"dog/???.jpg", "狗/2.jpg".encode("gbk")]
    extras = {
        stored[0]: unicode_path("猫/1.jpg", stored[0]),
        stored[1]: unicode_path("dog/ä.jpg", stored[1]),
        stored[2]: struct.pack("<HH2s", 0xCAFE, 2, b"xx") + unicode_path("狗/2.jpg", stored[2]),
    }
    assert paths(write_names(tmp_path / "a.zip", stored, extras=extras)) == ["猫/1.jpg", "dog/ä.jpg", "狗/2.jpg"]
    wrong = {stored[1]: unicode_path("dog/other.jpg", stored[1], crc=1)}
    assert paths(write_names(tmp_path / "b.zip", stored[1:2], extras=wrong)) == ["dog/___.jpg"]


def test_what_the_unicode_path_says_of_some_names_tells_the_encoding_of_the_others(tmp_path: Path) -> None:
    stored = [name.encode("gbk") for name in ("猫/1.jpg", "狗/2.jpg", "猫/1.jpg")]
    known, unknown = stored[0], stored[1]
    source = write_names(
        tmp_path / "a.zip", [known, unknown, b"x/3.jpg"], extras={known: unicode_path("猫/1.jpg", known)}
    )
    assert paths(source) == ["猫/1.jpg", "狗/2.jpg", "x/3.jpg"]


def test_a_unicode_path_cannot_leave_the_folder(tmp_path: Path) -> None:
    extras = {b"a/1.jpg": unicode_path("../1.jpg", b"a/1.jpg")}
    with pytest.raises(ValueError, match="leaves its folder"):
        paths(write_names(tmp_path / "a.zip", [b"a/1.jpg"], extras=extras))


def test_the_second_byte_of_a_character_is_no_separator(tmp_path: Path) -> None:
    """The second byte of 表 in Shift JIS is that of a backslash."""
    names = ["表示/写真.jpg", "ソフト/カメラ.jpg", "猫/十.jpg"]
    assert paths(write_names(tmp_path / "a.zip", [name.encode("cp932") for name in names])) == names
