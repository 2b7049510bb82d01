"""A client that is not ours uploads through a round-robin balancer while one of two APIs is killed."""

import os
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from tusclient.client import TusClient

from store import models as m
from store.object_store import open_object_store
from store.settings import Settings
from tests.support.archives import image_files, zipped
from tests.support.balancer import round_robin
from tests.support.ports import free_port
from tests.support.two_apis import two_apis
from tests.support.waiting import wait_until


@pytest.mark.slow
@pytest.mark.parametrize("each_settings", ["postgresql"], indirect=True)
def test_tuspy_uploads_while_an_api_is_killed(
    each_settings: Settings, s3: Any, tmp_path: Path, broker_at: Callable[[Settings], None]
) -> None:
    data = zipped(image_files() | {"cats/large.bin": os.urandom(30 * 2**20)})
    source = tmp_path / "large.zip"
    source.write_bytes(data)
    broker_at(each_settings)
    shared = {"database_url": each_settings.database, "broker_url": each_settings.broker}
    shared |= s3.settings(prefix=m.new_id())
    ports = (free_port(), free_port())
    with ExitStack() as stack:
        first, second, token = stack.enter_context(two_apis(tmp_path / "apis", ports, lambda _: shared))
        balancer = stack.enter_context(round_robin(ports))
        tus = TusClient(f"http://127.0.0.1:{balancer.port}/v1/uploads", headers={"Authorization": f"Bearer {token}"})
        stream = stack.enter_context(source.open("rb"))
        uploader = tus.uploader(
            file_stream=stream, chunk_size=4 * 2**20, retries=60, retry_delay=1, metadata={"filename": "large.zip"}
        )
        thread = threading.Thread(target=uploader.upload)
        thread.start()
        wait_until(lambda: uploader.offset >= 9 * 2**20, seconds=60, what="a third to arrive")
        first.kill()
        thread.join(120)
        assert not thread.is_alive()
        assert uploader.offset == len(data)
        assert all(count >= 2 for count in balancer.served.values()), "both got requests"
        answer = httpx.get(
            f"http://127.0.0.1:{second.settings.port}/v1/datasets", headers={"Authorization": f"Bearer {token}"}
        )
        (dataset,) = answer.json()["items"]
        assert dataset["bytes"] == len(data)
        files = open_object_store(second.settings)
        assert files.load(f"datasets/{dataset['id']}/upload") == data
        assert files.list("uploads") == []
