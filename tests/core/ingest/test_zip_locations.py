"""Where the files of a zip lie, also of a zip that others would call odd."""

import zipfile
from pathlib import Path

from core.ingest.archives.zip_locations import locate_files


def test_an_entry_without_a_name_harms_no_other(tmp_path: Path) -> None:
    path = tmp_path / "odd.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("cats/0.png", "dogs/"):
            archive.writestr(name, b"")
        info = zipfile.ZipInfo("x")
        info.filename = ""
        archive.writestr(info, b"no name")
    assert "cats/0.png" in locate_files(path)
    assert "dogs" not in locate_files(path)
