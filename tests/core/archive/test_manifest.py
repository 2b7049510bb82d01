"""A MANIFEST.json that cannot be read, whatever was done to it, is refused in words."""

import json
import zipfile
from pathlib import Path

import pytest

from core.archive.manifest import read_manifest
from core.errors import BadInput
from tests.support.generator_files import a_card

GOOD = {
    "spec": {},
    "generator": {},
    "files": [{"path": "a/1.png", "was": "a/1.jpg", "bytes": 9, "protected": True}, {"path": "b.txt", "bytes": 4}],
}


def packed(tmp_path: Path, text: str, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(tmp_path / "out.zip", "w", method) as archive:
        archive.writestr("MANIFEST.json", text)
    return tmp_path / "out.zip"


def spoiled(archive: Path, *, header: bytes, at: int, value: bytes) -> Path:
    """Bytes of the zip's records of the file overwritten, as far from the beginning of each."""
    data = bytearray(archive.read_bytes())
    start = data.index(header) + at
    data[start : start + len(value)] = value
    archive.write_bytes(data)
    return archive


def test_what_is_where_and_how_large(tmp_path: Path) -> None:
    manifest = read_manifest(packed(tmp_path, json.dumps(GOOD)))
    assert manifest.delivered == {"a/1.jpg": "a/1.png"}
    assert manifest.sizes == (9, 4)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "[" * 100_000, json.dumps(GOOD | {"files": [{"path": "a", "bytes": -1}]})]
)
def test_one_that_says_nothing_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInput, match="cannot be read: it does not have the form of a manifest"):
        read_manifest(packed(tmp_path, text))


def test_one_whose_bytes_are_damaged_is_refused(tmp_path: Path) -> None:
    local, length = b"PK\3\4", 30 + len("MANIFEST.json")
    whole = packed(tmp_path, json.dumps(GOOD))
    with pytest.raises(BadInput, match="damaged or encrypted"):  # zlib.error
        read_manifest(spoiled(whole, header=local, at=length, value=b"\xff" * 8))
    whole = packed(tmp_path, json.dumps(GOOD), zipfile.ZIP_STORED)
    with pytest.raises(BadInput, match="damaged or encrypted"):  # the checksum
        read_manifest(spoiled(whole, header=local, at=length, value=b" "))


def test_one_that_is_encrypted_is_refused(tmp_path: Path) -> None:
    whole = spoiled(packed(tmp_path, json.dumps(GOOD)), header=b"PK\3\4", at=6, value=b"\1")
    with pytest.raises(BadInput, match="damaged or encrypted"):
        read_manifest(spoiled(whole, header=b"PK\1\2", at=8, value=b"\1"))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_one_that_we_would_not_write_is_none(tmp_path: Path, method: int) -> None:
    with pytest.raises(BadInput, match="is not a protected archive"):
        read_manifest(packed(tmp_path, json.dumps(GOOD), method))


def test_a_zip_of_a_later_kind_is_none(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is not a protected archive"):
        read_manifest(spoiled(packed(tmp_path, json.dumps(GOOD)), header=b"PK\1\2", at=6, value=b"\xc8"))


def test_of_a_generator_of_another_release_nothing_is_ruled_out(tmp_path: Path) -> None:
    known = {"name": "pets", "classes": ("cat", "dog")}
    for generator, may in (
        ({}, False),
        ({"card": {"format": 9}}, True),
        ({"card": a_card(data="pets").to_dict()}, True),
    ):
        manifest = read_manifest(packed(tmp_path, json.dumps(GOOD | {"generator": generator})))
        assert manifest.may_have_learned(**known) is may


def test_it_says_whether_noise_was_judged_in_grey(tmp_path: Path) -> None:
    for generator, judged in (
        ({"method": "sem"}, False),
        ({"card": "of another release"}, False),
        ({"card": a_card(network_updates=5).to_dict()}, False),
        ({"card": a_card(network_updates=5, grey_updates=5).to_dict()}, True),
    ):
        manifest = read_manifest(packed(tmp_path, json.dumps(GOOD | {"generator": generator})))
        assert manifest.uses_greyscale_surrogate is judged
