"""Reading MANIFEST.json: what it says of the archive, and the reason if it is damaged."""

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


def write_archive(tmp_path: Path, text: str, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(tmp_path / "out.zip", "w", method) as archive:
        archive.writestr("MANIFEST.json", text)
    return tmp_path / "out.zip"


def overwritten(archive: Path, *, header: bytes, at: int, value: bytes) -> Path:
    """Overwrite bytes of the zip, `at` bytes after the first `header`."""
    data = bytearray(archive.read_bytes())
    start = data.index(header) + at
    data[start : start + len(value)] = value
    archive.write_bytes(data)
    return archive


def test_paths_and_sizes_are_read(tmp_path: Path) -> None:
    manifest = read_manifest(write_archive(tmp_path, json.dumps(GOOD)))
    assert manifest.delivered == {"a/1.jpg": "a/1.png"}
    assert manifest.sizes == (9, 4)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "[" * 100_000, json.dumps(GOOD | {"files": [{"path": "a", "bytes": -1}]})]
)
def test_an_invalid_manifest_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInput, match="cannot be read: it does not have the form of a manifest"):
        read_manifest(write_archive(tmp_path, text))


def test_a_damaged_manifest_is_refused(tmp_path: Path) -> None:
    local, length = b"PK\3\4", 30 + len("MANIFEST.json")
    whole = write_archive(tmp_path, json.dumps(GOOD))
    with pytest.raises(BadInput, match="damaged or encrypted"):  # zlib.error
        read_manifest(overwritten(whole, header=local, at=length, value=b"\xff" * 8))
    whole = write_archive(tmp_path, json.dumps(GOOD), zipfile.ZIP_STORED)
    with pytest.raises(BadInput, match="damaged or encrypted"):  # the checksum
        read_manifest(overwritten(whole, header=local, at=length, value=b" "))


def test_an_encrypted_manifest_is_refused(tmp_path: Path) -> None:
    whole = overwritten(write_archive(tmp_path, json.dumps(GOOD)), header=b"PK\3\4", at=6, value=b"\1")
    with pytest.raises(BadInput, match="damaged or encrypted"):
        read_manifest(overwritten(whole, header=b"PK\1\2", at=8, value=b"\1"))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_manifest_with_another_compression_is_not_ours(tmp_path: Path, method: int) -> None:
    with pytest.raises(BadInput, match="is not a protected archive"):
        read_manifest(write_archive(tmp_path, json.dumps(GOOD), method))


def test_a_zip_of_a_later_version_is_not_ours(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is not a protected archive"):
        read_manifest(overwritten(write_archive(tmp_path, json.dumps(GOOD)), header=b"PK\1\2", at=6, value=b"\xc8"))


@pytest.mark.parametrize(
    ("generator", "evidence", "trained"),
    [
        ({"method": "sem"}, "none", True),
        ({"method": "sem"}, "quick", False),
        ({"method": "texture"}, "none", False),
        ({"method": "sem", "card": {}}, "none", False),
    ],
)
def test_only_noise_that_is_optimized_was_trained_on_all_images(
    tmp_path: Path, generator: dict[str, object], evidence: str, trained: bool
) -> None:
    text = json.dumps(GOOD | {"generator": generator, "spec": {"evidence": evidence}})
    assert read_manifest(write_archive(tmp_path, text)).trained_on_all_images is trained


def test_a_generator_of_another_release_may_have_learned_anything(tmp_path: Path) -> None:
    known = {"name": "pets", "classes": ("cat", "dog")}
    for generator, may in (
        ({}, False),
        ({"card": {"format": 9}}, True),
        ({"card": a_card(data="pets").to_dict()}, True),
    ):
        manifest = read_manifest(write_archive(tmp_path, json.dumps(GOOD | {"generator": generator})))
        assert manifest.may_have_trained_on(**known) is may


def test_whether_a_greyscale_surrogate_was_used(tmp_path: Path) -> None:
    for generator, expected in (
        ({"method": "sem"}, False),
        ({"card": "of another release"}, False),
        ({"card": a_card(network_updates=5).to_dict()}, False),
        ({"card": a_card(network_updates=5, grey_updates=5).to_dict()}, True),
    ):
        manifest = read_manifest(write_archive(tmp_path, json.dumps(GOOD | {"generator": generator})))
        assert manifest.uses_greyscale_surrogate is expected
