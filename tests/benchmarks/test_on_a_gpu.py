"""The measurement on a GPU, at its smallest size: every part on a CPU, resumed, and written into a page."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.gpu_joint import noise_within
from benchmarks.gpu_page import BEGIN, END, write_page
from benchmarks.on_a_gpu import PARTS, run_part
from core.metrics.visibility import flip
from tests.support.photographs import photograph
from tests.support.tiny_experiments import drawn_folder

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    drawn_folder(folder / "cifar10", classes=2, train=30, test=30)
    drawn_folder(folder / "tiny-imagenet-100", classes=21, train=6, test=6)
    drawn_folder(folder / "grocery-photos", classes=20, train=5, test=5)
    return folder


def test_there_are_twelve_parts_at_most_and_the_most_valuable_is_rem() -> None:
    assert len(PARTS) <= 12
    assert PARTS[0].noises[0].name == "rem-u8-a4"
    assert len({part.name for part in PARTS}) == len(PARTS)


@pytest.mark.slow
def test_every_part_runs_at_its_smallest_and_goes_into_the_page(data: Path, tmp_path: Path) -> None:
    for part in PARTS:
        run_part(part, data, tmp_path, smallest=True)
    found = {part.name: json.loads((tmp_path / f"{part.name}.json").read_text()) for part in PARTS}
    assert list(found["rem-rows"]["accuracy"]) == [
        "rem-u8-a4.standard.resnet18",
        "rem-u8-a4.linf-2.resnet18",
        "rem-u8-a4.linf-4.resnet18",
    ]
    assert set(found["rem-none"]["accuracy"]) == {"clean.standard.resnet18", "rem-u8-a4-plain.standard.resnet18"}
    assert found["ntga"]["noise_seconds"].keys() == {"ntga-u8"}
    assert found["joint-rows"]["accuracy"].keys() == {"joint-u8.standard.resnet18", "joint-u8.linf-4.resnet18"}
    assert found["joint-tiny"]["unseen"].keys() == {"the originals", "joint"}
    assert found["photographs-rows"]["unseen"].keys() == {"the originals", "joint", "joint, balanced"}
    page = tmp_path / "page.md"
    page.write_text("# A page\n")
    titles = {part.name: part.title for part in PARTS}
    for _ in range(2):
        write_page(tmp_path, page, titles)
        text = page.read_text()
        assert text.startswith("# A page\n\n## A short measurement on a GPU")
        assert (text.count(BEGIN), text.count(END)) == (1, 1)
        assert "Not measured yet" not in text
        assert f"rem-u8-a4.linf-4.resnet18: {found['rem-rows']['accuracy']['rem-u8-a4.linf-4.resnet18']}" in text


def test_the_page_names_what_is_missing(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# A page\n{BEGIN}old{END}\nAfter.\n")
    write_page(tmp_path, page, {"rem": "REM", "sem": "SEM"})
    assert "Not measured yet: REM; SEM." in page.read_text()
    assert "old" not in page.read_text()
    assert page.read_text().endswith(f"{END}\nAfter.\n")


@pytest.mark.slow
def test_the_script_continues_where_it_stopped(data: Path, tmp_path: Path) -> None:
    def run(*parts: str, **settings: str) -> subprocess.CompletedProcess[str]:
        command = ["benchmarks/on_a_gpu.sh", str(data), str(tmp_path / "out"), *parts]
        environment = os.environ | {"PYTHON": sys.executable, "SMALLEST": "1"} | settings
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    late = run("sem-2", "rem-none", TOTAL_SECONDS="0")
    assert (late.returncode, "sem-2: no time left" in late.stdout) == (1, True)
    short = run("sem-2", PART_SECONDS="1")
    assert (short.returncode, "sem-2: not done (status 124)" in short.stdout) == (1, True)
    first = run("sem-2")
    assert (first.returncode, first.stderr) == (0, "")
    assert json.loads((tmp_path / "out" / "smallest" / "sem-2.json").read_text())["accuracy"]
    assert run("sem-2").stdout == "sem-2: done before\n"


def test_noise_is_scaled_until_each_image_meets_its_target() -> None:
    images = np.stack([np.asarray(photograph(48, 48, seed)).transpose(2, 0, 1) for seed in range(3)])
    noise = np.random.default_rng(0).integers(-8, 9, images.shape).astype(np.int8)
    within = noise_within(noise, images, max_flip=0.03)
    for image, one in zip(images, within, strict=True):
        changed = np.clip(image.astype(np.int16) + one, 0, 255).astype(np.uint8)
        assert 0.015 < flip(image.transpose(1, 2, 0), changed.transpose(1, 2, 0)) <= 0.03
    assert (noise_within(noise, images, max_flip=1.0) == noise).all()
