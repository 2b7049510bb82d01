"""`unteachable reproduce` on the command line: what it writes, and what is refused in one line."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.catalogue import EXPERIMENTS
from tests.support.tiny_experiments import drawn_folder
from tests.support.waiting import wait_until


def reproduce(*words: object) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "cli.main", "reproduce", *map(str, words)]
    return subprocess.run(program, capture_output=True, text=True, check=False)


def test_everything_is_listed() -> None:
    lines = reproduce("--list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(EXPERIMENTS)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["table99"], "EXPERIMENT must be one of table1, "),
        (["table1", "--dataset", "mnist"], "--dataset must be one of cifar10, cifar100, imagenet"),
        (["table1", "--scale", "moon"], "--scale must be one of laptop, gpu, paper"),
        (["table1", "--data", "nowhere"], "nowhere does not exist"),
        (["table1", "--device", "gpu"], "There is no device “gpu”: name cpu, cuda or cuda:N."),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(tmp_path: Path, words: list[str], message: str) -> None:
    given = [*words, "--out", tmp_path / "out"]
    done = reproduce(*given, *([] if "--data" in words else ["--data", tmp_path]))
    assert done.returncode == 2
    assert done.stderr.startswith("unteachable: ")
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_ctrl_c_ends_it_cleanly_and_tells_how_to_resume(tmp_path: Path) -> None:
    source, out = drawn_folder(tmp_path / "data"), tmp_path / "out"
    words = ["reproduce", "figure3", "--data", str(source), "--out", str(out)]
    with subprocess.Popen(
        [sys.executable, "-m", "cli.main", *words],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # as in a terminal, wherever the tests run
    ) as process:
        wait_until((out / "images" / "about.json").exists, seconds=120)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "stopped; run the same command again to resume"
    assert "Traceback" not in errors


@pytest.mark.slow
def test_a_laptop_writes_table_5(tmp_path: Path) -> None:
    source, out = drawn_folder(tmp_path / "data"), tmp_path / "out"
    done = reproduce("table5", "--data", source, "--out", out, "--dataset", "cifar10", "--cores", 1)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("# Table 5: ")
    assert "| REM | 0.2 | 8 | 2 | 0.3 | 4 | 1/5, 10, 1/5, 10 |" in done.stdout
    assert (out / "table5.md").read_text() in done.stdout
