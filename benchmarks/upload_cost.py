"""What hostile uploads cost, and what happens on a full disk: an older version of this repository beside this one.

    .venv/bin/python -m benchmarks.upload_cost [--base d9917e4] [--seconds 60]

First inspects archives that are built to cost memory or time, each with both versions in a process of its own, and
prints its peak memory and its time, and the ratio of the memory. A process gets 6 GiB and `--seconds`. Then mounts a
file system of 29 MiB (root only), begins uploads of 5 MiB until one is refused, fills the disk, and tries to delete
what is there. The older version is read from git into a temporary folder. Bounded: about eight minutes.
"""

import argparse
import gzip
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]
MEMORY_KIB = 6 << 20
DISK_MIB, UPLOAD_MIB, UPLOADS = 29, 5, 30

INSPECT = """
import resource, sys, time
from pathlib import Path
from core.errors import BadInput
began = time.monotonic()
try:
    from core.ingest.inspection import inspect_upload
    inspect_upload(Path(sys.argv[1]))
    said = "accepted"
except BadInput as bad:
    said = "refused: " + bad.reason.partition(";")[0]
except MemoryError:
    said = "out of memory"
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
import json
print(json.dumps({"said": said, "mebibytes": peak, "seconds": round(time.monotonic() - began, 1)}))
"""

FULL_DISK = """
import json, logging, shutil, sys, warnings
from pathlib import Path
import structlog
from starlette.testclient import TestClient
from api.app import create_app
from store import migrate, users
from store.database import open_database
from store.settings import Settings
warnings.simplefilter("ignore")
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
disk, large, length, uploads = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
settings = Settings(_env_file=None, data_dir=disk, broker_url="redis+socket:///nonexistent/broker")
db = open_database(settings)
migrate.upgrade(db)
with db.write.begin() as session:
    token = users.create_token(session, user_id=users.local_admin(session).id, name="benchmark")[1]
tus = {"Tus-Resumable": "1.0.0"}
with TestClient(create_app(settings), base_url="http://127.0.0.1:8000", raise_server_exceptions=False) as client:
    client.headers["Authorization"] = f"Bearer {token}"
    dataset = client.post("/v1/datasets", files={"file": ("a.zip", Path(sys.argv[5]).read_bytes())}).json()["id"]
    begun = [client.post("/v1/uploads", headers=tus | {"Upload-Length": str(length)}) for _ in range(uploads)]
    accepted = [answer.headers["location"] for answer in begun if answer.status_code == 201]
    part = tus | {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    client.patch(accepted[0], content=bytes(2 << 20), headers=part)
    (disk / "reserve").unlink(missing_ok=True)
    for name in ("filler", "last bytes"):
        with (disk / name).open("ab", buffering=0) as out:
            size = 1 << 20
            while size:
                try:
                    size = size if out.write(bytes(size)) == size else size // 2
                except OSError:
                    size //= 2
    answers = {
        "DELETE an upload": client.delete(accepted[0], headers=tus).status_code,
        "DELETE a dataset": client.delete(f"/v1/datasets/{dataset}").status_code,
        "make a token": client.post("/v1/tokens", json={"name": "new"}).status_code,
    }
    print(json.dumps({"promised": len(accepted), "answers": answers, "freed": shutil.disk_usage(disk).free >> 20}))
"""


def deep_names() -> Iterable[str]:
    return ("/".join([f"{number:x}", *["a"] * 494, "x.png"]) for number in range(2000))


def write_deep_tar(path: Path) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name in deep_names():
            archive.addfile(tarfile.TarInfo(name))


def write_deep_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in deep_names():
            archive.writestr(name, b"")


def write_pax(path: Path, content: bytes) -> None:
    """A tar.gz with one extended header of this content."""
    header = tarfile.TarInfo("header")
    header.type, header.size = tarfile.XHDTYPE, len(content)
    file = tarfile.TarInfo("a/x.png").tobuf(tarfile.USTAR_FORMAT)
    path.write_bytes(
        gzip.compress(header.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % 512) + file + bytes(1024))
    )


def write_directory_of_comments(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(3000):
            info = zipfile.ZipInfo(f"a/{number}.png")
            info.comment = b"c" * 65_000
            archive.writestr(info, b"")


ARCHIVES = {
    "tar.gz, 2,000 empty files 495 folders deep": write_deep_tar,
    "zip, the same": write_deep_zip,
    "tar.gz, a header of records that overlap": lambda path: write_pax(path, b"2 " * 100_000 + b"="),
    "tar.gz, a header with a number of 200,000 digits": lambda path: write_pax(
        path, b"200007 c=" + b"1" * 199_997 + b"\n"
    ),
    "zip, 3,000 files with comments of 65 kB": write_directory_of_comments,
}


def inspect(tree: Path, archive: Path, seconds: int) -> dict[str, object]:
    """Inspect an archive with the code of `tree`; what it says, its peak memory and its time."""
    command = f'ulimit -v {MEMORY_KIB}; exec timeout {seconds} "$0" -c "$1" "$2"'
    done = subprocess.run(
        ["bash", "-c", command, sys.executable, INSPECT, str(archive)],
        cwd=tree, env=os.environ | {"PYTHONPATH": str(tree)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode == 124:
        return {"said": f"not over after {seconds} s", "mebibytes": None, "seconds": seconds}
    found: dict[str, object] = json.loads(done.stdout)
    return found


def print_costs(trees: dict[str, Path], folder: Path, seconds: int) -> None:
    for name, write in ARCHIVES.items():
        archive = folder / "archive"
        write(archive)
        print(f"\n{name} ({archive.stat().st_size / 1000:,.1f} kB)")
        found = {version: inspect(tree, archive, seconds) for version, tree in trees.items()}
        for version, cost in found.items():
            memory = f"{cost['mebibytes']:,} MiB" if cost["mebibytes"] is not None else "–"
            print(f"  {version:8} {memory:>10} {cost['seconds']:>6} s  {cost['said']}")
        before, after = (cost["mebibytes"] for cost in found.values())
        if isinstance(before, int) and isinstance(after, int):
            print(f"  memory before / after: {before / after:,.0f}")


def print_full_disk(trees: dict[str, Path], folder: Path) -> None:
    print(f"\na disk of {DISK_MIB} MiB, {UPLOADS} uploads of {UPLOAD_MIB} MiB begun at once, then the disk is filled")
    dataset = folder / "dataset.zip"
    with zipfile.ZipFile(dataset, "w") as archive:
        archive.writestr("a/large.png", bytes(3 << 20))
        archive.writestr("b/small.png", b"x")
    for version, tree in trees.items():
        disk = folder / version
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(disk)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            print("  a file system cannot be mounted here, so this part is left out")
            return
        try:
            sizes = [str(DISK_MIB << 20), str(UPLOAD_MIB << 20), str(UPLOADS)]
            done = subprocess.run(
                [sys.executable, "-c", FULL_DISK, str(disk), *sizes, str(dataset)],
                cwd=tree, env=os.environ | {"PYTHONPATH": str(tree)}, capture_output=True, text=True, check=False,
            )  # fmt: skip
            found = json.loads(done.stdout.splitlines()[-1])
        finally:
            subprocess.run(["umount", "-l", str(disk)], check=True)
        answers = ", ".join(f"{what} {status}" for what, status in found["answers"].items())
        print(f"  {version:8} {found['promised']} promised; {answers}; {found['freed']} MiB free afterwards")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="d9917e4", help="the older version, as git names it")
    parser.add_argument("--seconds", type=int, default=60, help="the longest time of one inspection")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        base = folder / "base"
        base.mkdir()
        packed = subprocess.run(["git", "archive", options.base], cwd=ROOT, capture_output=True, check=True).stdout
        subprocess.run(["tar", "-x", "-C", str(base)], input=packed, check=True)
        trees = {"before": base, "after": ROOT}
        print_costs(trees, folder, options.seconds)
        print_full_disk(trees, folder)


if __name__ == "__main__":
    main()
