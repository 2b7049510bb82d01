"""What systems, editors and storage devices keep for themselves is never part of a dataset, wherever it lies."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from core.errors import BadInput
from core.ingest.archives.members import NameFilter
from core.ingest.archives.reader import open_members
from core.ingest.inspection import inspect_upload
from core.junk_files import junk_reason
from core.limits import Limits

JUNK = (
    *("@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg", "#recycle/1.jpg", "#snapshot/2024/1.jpg", "@Recycle/1.jpg", "@tmp/1.jpg"),
    *("@Recently-Snapshot/1.jpg", ".@__thumb/1.jpg", "@__thumb/1.jpg", "~snapshot/1.jpg", "files_trashbin/1.jpg"),
    *(".Trashes/501/1.jpg", ".Trash-1000/files/1.jpg", "$RECYCLE.BIN/S-1-5/1.jpg", "RECYCLER/1.jpg", "LOST.DIR/1.jpg"),
    *("System Volume Information/1.jpg", "lost+found/1.jpg", "found.000/1.jpg", "Recently Deleted/1.jpg"),
    *("__MACOSX/cat/._1.jpg", ".AppleDouble/1.jpg", ".thumbnails/1.jpg", ".dtrash/1.jpg", ".picasaoriginals/1.jpg"),
    *(".ipynb_checkpoints/1-checkpoint.jpg", ".git/x.png", ".cache/1.jpg", "node_modules/x/logo.png", ".zfs/1.jpg"),
    *("Catalog Previews.lrdata/1.jpg", "M4ROOT/THMBNL/1.jpg", "Photos.photoslibrary/resources/derivatives/1.jpg"),
    *(".trashed-1700000000-IMG_1.jpg", ".pending-1-IMG_1.jpg", "._1.jpg", "Thumbs.db", "ehthumbs.db", "~$cats.docx"),
    *(".DS_Store", "desktop.ini", "Icon\r", "1.jpg:Zone.Identifier", "Network Trash Folder/1.jpg"),
)
DATA = (
    *("cat/1.jpg", "1.jpg", "trash/1.jpg", "cache/1.jpg", "#cats/1.jpg", "@ada/1.jpg", "$/1.png", "recycling/1.jpg"),
    *("Photos.photoslibrary/originals/A/1.jpg", "cat.v1.2/1.jpg", "snapshot/1.jpg", "system/1.jpg", "app/1.jpg"),
)


@pytest.mark.parametrize("path", JUNK)
@pytest.mark.parametrize("folder", ["", "data/cat/"])
def test_junk_is_told_in_any_case_and_at_any_depth(path: str, folder: str) -> None:
    for written in (path, path.upper(), path.lower()):
        assert junk_reason(folder + written) is not None


@pytest.mark.parametrize("path", DATA)
def test_other_names_are_data(path: str) -> None:
    assert junk_reason(path) is None


def test_the_reason_names_the_folder_and_what_it_holds() -> None:
    assert junk_reason("cat/@eaDir/1.jpg") == "it lies in “@eaDir”, which holds previews"
    assert junk_reason("#recycle/1.jpg") == "it lies in “#recycle”, which holds deleted files"


def test_an_upload_of_hidden_images_alone_is_refused_with_the_reason(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(".cache/cat/1.png", b"x")
    with pytest.raises(BadInput, match=r"“\.cache/cat/1\.png”: it lies in “\.cache”, which is hidden"):
        inspect_upload(tmp_path / "a.zip")


def test_a_link_in_a_hidden_folder_does_not_reject_the_upload(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        link = zipfile.ZipInfo("node_modules/.bin/x")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "../x")
        archive.writestr("cat/1.png", b"x")
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar_link = tarfile.TarInfo(".git/x")
        tar_link.type, tar_link.linkname = tarfile.SYMTYPE, "../x"
        tar.addfile(tar_link)
        info = tarfile.TarInfo("cat/1.png")
        info.size = 1
        tar.addfile(info, io.BytesIO(b"x"))
    for name in ("a.zip", "a.tar"):
        name_filter = NameFilter()
        members = []
        for member in open_members(tmp_path / name, Limits(), name_filter):
            members.append(member.path)
            list(member.chunks())
        assert members == ["cat/1.png"]
        assert len(name_filter.skipped) == 1
