"""Transfers between this service and an S3 server that is far away: as they were, and as they are, in one run.

    .venv/bin/python -m benchmarks.transfers [--megabytes 200] [--round-trip 30] [--window 512] [--rounds 3]

Starts SeaweedFS, which checks every signature, and a relay in front of it that delays each direction. One connection
has at most WINDOW KiB under way, as one does whose window has not grown. The former way is one request at a time for
reading and deleting, and obstore's own parts for writing. Old and new take turns; the best of the rounds counts,
because other work on the machine only makes them slower.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import obstore

from benchmarks.delaying_relay import Distance, far_away
from store.object_store import ObjectStore, open_object_store
from store.s3 import S3Patience, open_s3
from store.settings import Settings
from tests.support.s3 import S3Server, s3_server

DELETIONS = 200
MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One kind of transfer: what it was, and what it is. `prepare` runs before each."""

    name: str
    old: Callable[[], object]
    new: Callable[[], object]
    amount: float
    unit: str
    prepare: Callable[[], object] = lambda: None


class Transfers:
    """The cases against one server.

    Args:
        server: the server, as clients see it.
        folder: where files go.
        megabytes: the size of the large object.
    """

    def __init__(self, server: S3Server, folder: Path, megabytes: int) -> None:
        settings = Settings(_env_file=None, **server.settings(prefix="transfers"))
        self._files: ObjectStore = open_object_store(settings)
        self._plain = open_s3(settings, S3Patience())
        self._source, self._target = folder / "source", folder / "target"
        self._megabytes = megabytes
        self._files.exists("large")  # so that no case pays for the first connection

    def cases(self) -> Iterator[Case]:
        """All cases, in an order in which each finds its object."""
        size = self._megabytes * MIB / 1e6
        yield Case(name="write a file", old=self._put, new=self._save, amount=size, unit="MB/s")
        yield Case(name="fetch a file", old=self._get, new=self._fetch, amount=size, unit="MB/s")
        yield Case(name="stream through the API", old=self._drain_one, new=self._drain, amount=size, unit="MB/s")
        yield Case(
            name=f"delete {DELETIONS} objects",
            old=self._delete_each,
            new=lambda: self._files.delete_prefix("many"),
            amount=0,
            unit="s",
            prepare=self._write_many,
        )

    def _put(self) -> None:
        obstore.put(self._plain, "large", self._source)

    def _save(self) -> None:
        self._files.save("large", self._source)

    def _stream(self) -> Iterator[bytes]:
        for part in obstore.get(self._plain, "large").stream(min_chunk_size=MIB):
            yield bytes(part)

    def _get(self) -> None:
        with self._target.open("wb") as file:
            for part in self._stream():
                file.write(part)

    def _fetch(self) -> None:
        self._files.fetch("large", self._target)

    def _drain_one(self) -> int:
        return sum(len(part) for part in self._stream())

    def _drain(self) -> int:
        return sum(len(part) for part in self._files.read("large"))

    def _write_many(self) -> None:
        for n in range(DELETIONS):
            self._files.write(f"many/{n}", b"-")

    def _delete_each(self) -> None:
        for key in self._files.list("many"):
            obstore.delete(self._plain, key)


def _best(case: Case, rounds: int) -> tuple[float, float]:
    """The seconds of the old way and of the new one."""
    taken: dict[str, list[float]] = {"old": [], "new": []}
    for _ in range(rounds):
        for name, run in (("old", case.old), ("new", case.new)):
            case.prepare()
            began = time.monotonic()
            run()
            taken[name].append(time.monotonic() - began)
    return min(taken["old"]), min(taken["new"])


def _print_table(title: str, transfers: Transfers, rounds: int) -> None:
    print(f"\n{title}\n\n| | before | now | ratio |\n|---|---|---|---|")
    for case in transfers.cases():
        old, new = _best(case, rounds)
        cells = [f"{case.amount / s:.0f} MB/s" if case.unit == "MB/s" else f"{s:.2f} s" for s in (old, new)]
        print(f"| {case.name} | {cells[0]} | {cells[1]} | {old / new:.1f} |", flush=True)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--round-trip", type=float, default=30, help="milliseconds to the server and back")
    parser.add_argument("--window", type=int, default=512, help="KiB that one connection has under way")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    distance = Distance(round_trip_seconds=options.round_trip / 1000, window_bytes=options.window << 10)
    with tempfile.TemporaryDirectory(prefix="transfers-", dir="/tmp") as name, s3_server() as server:
        folder = Path(name)
        with (folder / "source").open("wb") as file:
            for _ in range(options.megabytes):
                file.write(os.urandom(MIB))
        near = Transfers(server, folder, options.megabytes)
        _print_table("On this machine, without delay:", near, options.rounds)
        with far_away(int(server.endpoint.rsplit(":", 1)[1]), distance) as port:
            far = Transfers(S3Server(f"http://127.0.0.1:{port}"), folder, options.megabytes)
            title = f"{options.round_trip:g} ms away, {options.window} KiB under way on one connection:"
            _print_table(title, far, options.rounds)


if __name__ == "__main__":
    main()
