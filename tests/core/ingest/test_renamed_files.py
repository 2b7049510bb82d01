"""Names that harm on other systems get others on the way in; label files find the images, and the user is told."""

from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import BadInput
from core.ingest.archives.zip_locations import locate_files
from core.ingest.dataset import open_dataset
from core.ingest.unpack import UnpackedUpload, unpack
from core.limits import Limits
from tests.support.uploads import image_file, write_folder, write_tar, write_zip

MAKERS = [write_zip, write_tar, write_folder]


def unpacked(make: Callable[..., Path], tmp_path: Path, names: list[str]) -> UnpackedUpload:
    """What becomes of files with these names, each of which holds its own name."""
    source = make(tmp_path / "a", {name: name.encode() for name in names})
    return unpack(source, tmp_path / "s", Limits())


@pytest.mark.parametrize("make", MAKERS)
def test_files_and_folders_get_portable_names_and_are_listed(tmp_path: Path, make: Callable[..., Path]) -> None:
    names = ["CON/1.png", "CON/2.png", "cat/aux.png", "cat/x.png::$DATA", "cat/evil\u202egnp.png", "dog./1.png"]
    found = unpacked(make, tmp_path, names)
    paths = {file.disk_path.read_bytes().decode(): file.path for file in found.files}
    assert paths == {
        "CON/1.png": "CON_/1.png",
        "CON/2.png": "CON_/2.png",
        "cat/aux.png": "cat/aux_.png",
        "cat/x.png::$DATA": "cat/x.png__$DATA",
        "cat/evil\u202egnp.png": "cat/evilgnp.png",
        "dog./1.png": "dog/1.png",
    }
    assert {file.path: file.was for file in found.renamed} == {
        "CON_": "CON",
        "cat/aux_.png": "cat/aux.png",
        "cat/x.png__$DATA": "cat/x.png::$DATA",
        "cat/evilgnp.png": "cat/evil\\u202egnp.png",
        "dog": "dog.",
    }
    assert "5 files or folders have other names" in found.notes[0]


@pytest.mark.parametrize(
    "names", [["CON/1.png", "CON_/1.png"], ["CON_/1.png", "CON/1.png"], ["a/b", "a/b.", "a/b .", "a./b"]]
)
@pytest.mark.parametrize("make", [write_zip, write_tar])
def test_a_new_name_never_takes_the_place_of_another(
    tmp_path: Path, make: Callable[..., Path], names: list[str]
) -> None:
    found = unpacked(make, tmp_path, names)
    assert len({file.path for file in found.files}) == len(names)
    assert {file.disk_path.read_bytes().decode() for file in found.files} == set(names)
    folders = {
        name.rpartition("/")[0]: file.path.rpartition("/")[0] for name, file in zip(names, found.files, strict=True)
    }
    assert len(set(folders.values())) == len(folders)


def test_a_folder_with_the_name_of_a_file_that_the_archive_adds_gets_another(tmp_path: Path) -> None:
    assert unpacked(write_zip, tmp_path, ["Report.json/1.png"]).files[0].path == "Report-2.json/1.png"


@pytest.mark.parametrize("names", [["cat/1.png", "Cat/2.png"], ["caf\u00e9/1.png", "cafe\u0301/2.png"]])
def test_folders_that_are_one_on_some_systems_are_refused(tmp_path: Path, names: list[str]) -> None:
    with pytest.raises(BadInput, match="same name"):
        unpacked(write_zip, tmp_path, names)


def test_label_files_know_the_names_of_the_upload(tmp_path: Path) -> None:
    files = {f"{folder}/{name}.jpg": image_file("JPEG", seed=n) for n, (folder, name) in enumerate(
        [("CON", "aux"), ("CON", "b"), ("dog", "aux"), ("dog", "c")]
    )}  # fmt: skip
    table = "file,label\nCON/aux.jpg,one\nCON/b.jpg,two\ndog/aux.jpg,two\ndog/c.jpg,one\n"
    dataset = open_dataset(write_zip(tmp_path / "a.zip", files | {"all.csv": table.encode()}), tmp_path / "s")
    assert {image.path: dataset.classes[image.label] for image in dataset.images} == {
        "CON_/aux_.jpg": "one",
        "CON_/b.jpg": "two",
        "dog/aux_.jpg": "two",
        "dog/c.jpg": "one",
    }
    assert dataset.layout.problems == ()
    assert [file.was for file in dataset.renamed] == ["CON", "CON/aux.jpg", "dog/aux.jpg"]
    assert any("“CON” is now “CON_”" in note for note in dataset.layout.notes)


def test_the_images_of_a_zip_are_found_under_their_new_names(tmp_path: Path) -> None:
    source = write_zip(tmp_path / "a", {"CON/aux.png": b"1", "b/2.png": b"22"})
    assert {path: location.size for path, location in locate_files(source).items()} == {
        "CON_/aux_.png": 1,
        "b/2.png": 2,
    }
