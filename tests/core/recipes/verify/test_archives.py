"""Which archives a verification takes, and within which limits."""

import zipfile
from pathlib import Path

import pytest

from core.errors import BadInput
from core.limits import Limits
from core.recipes.options import DatasetSource, RunOptions
from core.recipes.verify import VerificationTarget, verify
from core.specs.verify import VerifySpec
from tests.core.recipes.verify.conftest import TrainedLearners, run
from tests.support.uploads import image_file, write_zip


@pytest.mark.parametrize("unpacked", [False, True])
def test_what_noise_adds_to_an_upload_is_over_no_limit(
    folder: Path, tmp_path: Path, trained: TrainedLearners, unpacked: bool
) -> None:
    with zipfile.ZipFile(folder / "pets.zip") as upload, zipfile.ZipFile(folder / "out.zip") as out:
        sizes = [info.file_size for info in upload.infolist()]
        assert sum(info.file_size for info in out.infolist()) > sum(sizes)
        if unpacked:
            out.extractall(tmp_path / "unpacked")
    limits = Limits(bytes=sum(sizes), files=len(sizes), file_bytes=max(sizes))
    report = run(folder, tmp_path, limits=limits, archive=tmp_path / "unpacked" if unpacked else folder / "out.zip")
    assert len(report.evidence.rows) == 1


def test_other_archives_are_refused(folder: Path, tmp_path: Path, trained: TrainedLearners) -> None:
    others = write_zip(
        tmp_path / "others.zip", {f"{c}/{i}.jpg": image_file("JPEG", seed=i) for c in "ab" for i in range(3)}
    )
    with pytest.raises(BadInput, match="not a protected archive"):
        run(folder, tmp_path, archive=folder / "pets.zip")
    target, options = VerificationTarget(archive=folder / "out.zip"), RunOptions(scratch=tmp_path / "b")
    with pytest.raises(BadInput, match="made from these originals"):
        verify(DatasetSource(path=others), target, VerifySpec(), options)
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as bad:
        bad.writestr("MANIFEST.json", '{"files": [{"protected": true}]}')
    with pytest.raises(BadInput, match="cannot be read"):
        run(folder, tmp_path, archive=tmp_path / "bad.zip")
