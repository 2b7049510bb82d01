"""Clients that upload datasets and request jobs, and repeat what fails until it is answered."""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import httpx

from benchmarks.reliability.service import drawn_dataset
from tests.support.tus_client import PATCH_HEADERS, TUS_HEADERS, metadata

IMAGES = 24  # of a dataset
JOBS_PER_DATASET = 5
SPEC = {"preset": "instant", "evidence": "none", "seed": 7}
REFUSALS = (400, 404, 413, 415, 422)  # no repetition helps
PAUSE_SECONDS = 0.5  # between two tries


class RequestRefused(Exception):
    """The service refuses a request, in these words."""


@dataclass
class Submission:
    """What clients want of a service.

    Attributes:
        count: the number of jobs.
        deadline: when they give up, by `time.monotonic`.
        every_seconds: between two jobs; 0 for as fast as they are accepted.
        resumable: whether every second dataset is sent by tus, in two parts.
        jobs: id and number of the dataset of each job that was accepted.
        refused: the reason for each request that was refused, which no repetition changes.
        longest: seconds that a request was repeated, and what it was answered, for the one that took longest.
    """

    count: int
    deadline: float
    every_seconds: float = 0.0
    resumable: bool = False
    jobs: list[tuple[str, int]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    longest: tuple[float, str] = (0.0, "")

    def send(self, make_client: Callable[[], httpx.Client]) -> None:
        """Upload datasets and request their jobs.

        Args:
            make_client: makes a client of the service with a token.
        """
        with make_client() as client:
            for number in range(-(-self.count // JOBS_PER_DATASET)):
                dataset = self._send_dataset(client, number)
                for repeat in range(min(JOBS_PER_DATASET, self.count - number * JOBS_PER_DATASET)):
                    body = {"kind": "protect", "dataset_id": dataset, "spec": SPEC}
                    key = {"Idempotency-Key": f"job-{number}-{repeat}"}
                    try:
                        job = self._persistently(lambda b=body, k=key: client.post("/v1/jobs", json=b, headers=k))
                        self.jobs.append((job.json()["id"], number))
                    except RequestRefused as error:  # such as those of a dataset whose check failed
                        self.refused.append(str(error))
                    time.sleep(self.every_seconds)

    def _send_dataset(self, client: httpx.Client, number: int) -> str:
        """Upload a dataset; returns its id."""
        data, name = drawn_dataset(IMAGES, seed=number), f"{number}.zip"
        if self.resumable and number % 2:
            return self._send_in_parts(client, data, name)
        key = {"Idempotency-Key": f"dataset-{number}"}
        answer = self._persistently(
            lambda: client.post("/v1/datasets", files={"file": (name, data)}, headers=key),
        )
        return str(answer.json()["id"])

    def _send_in_parts(self, client: httpx.Client, data: bytes, name: str) -> str:
        headers = TUS_HEADERS | {"Upload-Length": str(len(data))} | metadata(filename=name)
        url = self._persistently(lambda: client.post("/v1/uploads", headers=headers)).headers["location"]
        while True:
            state = self._persistently(lambda: client.head(url, headers=TUS_HEADERS)).headers
            if "upload-dataset" in state:
                return str(state["upload-dataset"].rsplit("/", 1)[1])
            offset = int(state["upload-offset"])
            part = data[offset : offset + len(data) // 2 + 1]
            with suppress(httpx.TransportError):
                client.patch(url, content=part, headers=PATCH_HEADERS | {"Upload-Offset": str(offset)})
            time.sleep(PAUSE_SECONDS)  # where it failed, the next one may have to wait for the lock of this one

    def _persistently(self, call: Callable[[], httpx.Response]) -> httpx.Response:
        """Repeat a request until it succeeds. Raises RequestRefused, or TimeoutError at the deadline."""
        seen: Counter[str] = Counter()
        began = time.monotonic()
        while time.monotonic() < self.deadline:
            try:
                response = call()
                if response.is_success:
                    what = f"{response.request.method} {response.request.url.path}: {dict(seen)}"
                    self.longest = max(self.longest, (time.monotonic() - began, what))
                    return response
                if response.status_code in REFUSALS or "dataset-rejected" in response.text:
                    raise RequestRefused(response.json().get("detail", response.text))
                seen[str(response.status_code)] += 1
            except httpx.TransportError as error:
                seen[type(error).__name__] += 1
            time.sleep(PAUSE_SECONDS)
        raise TimeoutError(f"a request was never answered with a success, but with {dict(seen)}")
