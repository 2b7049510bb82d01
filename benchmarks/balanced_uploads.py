"""A large upload by a client that is not ours, through a round-robin balancer, while one of two APIs is killed.

    .venv/bin/python -m benchmarks.balanced_uploads [--megabytes 500] [--chunk 8]

Starts PostgreSQL, Valkey, SeaweedFS and two APIs with folders of their own on this machine. tuspy sends a zip of random
bytes; once a third has arrived, one API is killed. Prints how long it took, and compares the stored file with what was
sent.
"""

import argparse
import hashlib
import os
import tempfile
import threading
import time
import zipfile
from pathlib import Path

from tusclient.client import TusClient

from store import migrate
from store import models as m
from store.database import connect, open_database
from store.object_store import open_object_store
from store.settings import Settings
from tests.support.archives import image_files
from tests.support.balancer import round_robin
from tests.support.broker import start_broker
from tests.support.ports import free_ports
from tests.support.postgres import postgres_server
from tests.support.s3 import s3_server
from tests.support.two_apis import two_apis


def _make_archive(path: Path, megabytes: int) -> str:
    """Write the archive; return its SHA-256."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in image_files().items():
            archive.writestr(name, data)
        for part in range(0, megabytes, 100):
            archive.writestr(f"cats/{part}.bin", os.urandom(min(100, megabytes - part) << 20))
    return _digest(path)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _upload(uploader: object, kill: "threading.Thread") -> float:
    began = time.monotonic()
    kill.start()
    uploader.upload()  # type: ignore[attr-defined]
    return time.monotonic() - began


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--chunk", type=int, default=8, help="MiB of one request")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="uploads-", dir="/tmp") as name,
        postgres_server() as database,
        s3_server() as s3,
    ):
        folder = Path(name)
        archive = folder / "large.zip"
        digest = _make_archive(archive, options.megabytes)
        size = archive.stat().st_size
        opened = connect(database)
        migrate.upgrade(opened)
        opened.dispose()
        (folder / "broker").mkdir()
        broker_settings = Settings(_env_file=None, data_dir=folder / "broker")
        broker = start_broker(broker_settings)
        shared = {"database_url": database, "broker_url": broker_settings.broker} | s3.settings(prefix="bench")
        first_port, second_port = free_ports(2)
        ports = (first_port, second_port)
        try:
            with (
                two_apis(folder / "apis", ports, lambda _: shared) as (first, second, token),
                round_robin(ports) as balancer,
            ):
                url = f"http://127.0.0.1:{balancer.port}/v1/uploads"
                tus = TusClient(url, headers={"Authorization": f"Bearer {token}"})
                uploader = tus.uploader(
                    str(archive),
                    chunk_size=options.chunk << 20,
                    retries=100,
                    retry_delay=1,
                    metadata={"filename": "large.zip"},
                )

                def kill() -> None:
                    while uploader.offset < size / 3:
                        time.sleep(0.01)
                    first.kill()

                seconds = _upload(uploader, threading.Thread(target=kill, daemon=True))
                files, rows = open_object_store(second.settings), open_database(second.settings)
                with rows.read() as session:
                    key = session.query(m.Dataset).one().file_key or ""
                rows.dispose()
                files.fetch(key, folder / "stored")
                assert _digest(folder / "stored") == digest, "the stored file differs"
                assert files.list("uploads") == [], "parts are left"
            print(
                f"{size / 2**20:.0f} MiB in requests of {options.chunk} MiB: {seconds:.1f} s, "
                f"one of two APIs killed after a third; connections of each: {sorted(balancer.served.values())}; "
                "the stored file is the one that was sent, and no part is left"
            )
        finally:
            broker.terminate()
            broker.wait(10)


if __name__ == "__main__":
    main()
