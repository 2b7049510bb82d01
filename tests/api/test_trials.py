"""Trials over REST and on the dataset's page: requested, repeated, shown, expired and deleted."""

from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from store import image_index, leases, trials
from store import models as m
from store.image_index import IndexedImage, StoredBytes
from store.queue_places import first_claimable
from store.task_queue import SHORT
from store.trials import TrialImage, TrialResult, TrialVariant
from tests.api.conftest import Service, assert_problem, upload_dataset
from tests.support.archives import png

IMAGES = 30


@pytest.fixture
def dataset_id(api: httpx.Client, service: Service) -> str:
    """The id of a dataset with listed photographs."""
    return new_dataset(api, service, shorter_edge=300)


def new_dataset(api: httpx.Client, service: Service, *, shorter_edge: int) -> str:
    """The id of a dataset with listed images, whose shorter edge has this median in pixels."""
    found: str = upload_dataset(api)["id"]
    image = IndexedImage(path="a/1.jpg", class_name="a", width=400, height=300, format="JPEG", location=None)
    image_index.write_images(service.files, found, [image] * IMAGES)
    service.make_ready(found, images=IMAGES, shorter_edge=shorter_edge)
    return found


def trial_jobs(service: Service, dataset_id: str) -> list[m.Job]:
    """The jobs of the trials of a dataset, oldest first."""
    with service.db.read() as session:
        found = session.query(m.Job).filter_by(dataset_id=dataset_id, kind=m.TRIAL)
        return found.order_by(m.Job.created_at).all()


STRENGTHS = ("subtle", "balanced", "strong")


def make(service: Service, dataset_id: str, job: m.Job, strengths: Sequence[str] = STRENGTHS) -> str:
    """Store what a worker stores once it has made these strengths; returns the key of the result."""
    packed, displayed = bytearray(), []
    for number in job.spec["images"]:
        places = []
        for n in range(1 + len(strengths)):
            data = png(tint=number + n)
            packed.extend(data)
            places.append(StoredBytes(start=len(packed) - len(data), packed=len(data), size=len(data)))
        variants = [
            TrialVariant(strength=name, location=place, flip=0.03, ssimulacra2=88.4)
            for name, place in zip(strengths, places[1:], strict=True)
        ]
        displayed.append(
            TrialImage(
                number=number, path="a/1.jpg", width=400, height=300, original=places[0], variants=tuple(variants)
            )
        )
    service.files.write(trials.files_key(dataset_id, job.id), bytes(packed))
    key = trials.result_key(dataset_id, job.id)
    trials.write_result(service.files, key, TrialResult(images=tuple(displayed), seconds=4.2))
    return key


def finish(service: Service, dataset_id: str) -> list[int]:
    """Finish the newest trial as a worker does; returns the numbers of its images."""
    job = trial_jobs(service, dataset_id)[-1]
    claim = service.claim(job.id)
    key = make(service, dataset_id, job)
    with service.db.write.begin() as session:
        assert leases.succeed(session, claim, leases.JobResult(report_key=key, page_key=key))
    return list(job.spec["images"])


def test_a_running_trial_shows_the_strengths_that_are_made(
    api: httpx.Client, service: Service, dataset_id: str
) -> None:
    address = f"/v1/datasets/{dataset_id}/trial"
    api.post(address)
    job = trial_jobs(service, dataset_id)[-1]
    service.claim(job.id)
    assert api.get(address).json()["images"] == []
    make(service, dataset_id, job, ["balanced"])
    body = api.get(address).json()
    assert body["state"] == "running"
    assert [one["strength"] for one in body["images"][0]["variants"]] == ["balanced"]
    assert api.get(body["images"][0]["variants"][0]["url"]).status_code == 200
    page = api.get(f"/datasets/{dataset_id}", headers={"Accept": "text/html"}).text
    assert "Subtle and strong follow in a moment" in page
    assert f"/v1/datasets/{dataset_id}/trial/{job.spec['images'][0]}/balanced?trial=" in page


def test_a_trial_comes_before_protections_that_have_not_begun(
    api: httpx.Client, service: Service, dataset_id: str
) -> None:
    for _ in range(2):
        request = {"kind": "protect", "dataset_id": dataset_id, "spec": {"preset": "instant", "evidence": "none"}}
        assert api.post("/v1/jobs", json=request).status_code == 202
    api.post(f"/v1/datasets/{dataset_id}/trial")
    with service.db.read() as session:
        [trial] = first_claimable(session, [SHORT], limit=1)
    assert trial == trial_jobs(service, dataset_id)[0].id


def test_a_trial_is_requested_and_shown(api: httpx.Client, service: Service, dataset_id: str) -> None:
    address = f"/v1/datasets/{dataset_id}/trial"
    assert_problem(api.get(address), 404)
    answer = api.post(address)
    assert answer.status_code == 202
    assert answer.headers["location"] == address
    assert answer.json()["state"] == "queued"
    numbers = finish(service, dataset_id)
    assert len(numbers) == 3
    assert max(numbers) - min(numbers) >= IMAGES // 2, "they are spread over the dataset"
    body = api.get(address).json()
    assert (body["state"], body["seconds"]) == ("succeeded", 4.2)
    assert body["expires_at"] > body["created_at"]
    for image, number in zip(body["images"], numbers, strict=True):
        assert api.get(image["original_url"]).content == png(tint=number)
        assert [one["strength"] for one in image["variants"]] == ["subtle", "balanced", "strong"]
        for n, one in enumerate(image["variants"], 1):
            assert api.get(one["url"]).content == png(tint=number + n)
    assert_problem(api.get(f"{address}/{numbers[0]}/other"), 404)
    assert_problem(api.get(f"{address}/99/subtle"), 404)
    assert [item["kind"] for item in api.get("/v1/jobs").json()["items"] if item["dataset_id"] == dataset_id] == []


def test_the_same_trial_is_made_once(api: httpx.Client, service: Service, dataset_id: str) -> None:
    for _ in range(2):
        assert api.post(f"/v1/datasets/{dataset_id}/trial", json={"images": [4, 2]}).status_code == 202
    finish(service, dataset_id)
    assert api.post(f"/v1/datasets/{dataset_id}/trial", json={"images": [4, 2]}).json()["state"] == "succeeded"
    [job] = trial_jobs(service, dataset_id)
    assert job.spec == {"images": [4, 2]}


def test_a_trial_of_other_images_replaces_one_that_waits(api: httpx.Client, service: Service, dataset_id: str) -> None:
    api.post(f"/v1/datasets/{dataset_id}/trial", json={"images": [1]})
    api.post(f"/v1/datasets/{dataset_id}/trial", json={"images": [2]})
    assert [job.state for job in trial_jobs(service, dataset_id)] == [m.CANCELED, m.QUEUED]
    assert finish(service, dataset_id) == [2]


@pytest.mark.parametrize("images", [[], [0, 1, 2, 3], [IMAGES], [1, 1], [-1], ["1"]])
def test_wrong_images_are_refused(api: httpx.Client, dataset_id: str, images: list[Any]) -> None:
    assert_problem(api.post(f"/v1/datasets/{dataset_id}/trial", json={"images": images}), 422)


def test_a_trial_needs_a_dataset_that_is_ready(api: httpx.Client) -> None:
    assert_problem(api.post(f"/v1/datasets/{upload_dataset(api)['id']}/trial"), 409, "checking")


def test_a_trial_does_not_keep_its_dataset(api: httpx.Client, service: Service, dataset_id: str) -> None:
    api.post(f"/v1/datasets/{dataset_id}/trial", json={"images": [1]})
    finish(service, dataset_id)
    api.post(f"/v1/datasets/{dataset_id}/trial", json={"images": [2]})
    job_id = trial_jobs(service, dataset_id)[-1].id
    assert api.delete(f"/v1/datasets/{dataset_id}").status_code == 204
    assert service.files.list(f"datasets/{dataset_id}") == []
    with service.db.read() as session:
        assert session.get_one(m.Job, job_id).state == m.CANCELED


def test_a_trial_of_another_user_does_not_exist(
    api: httpx.Client, other: httpx.Client, service: Service, dataset_id: str
) -> None:
    api.post(f"/v1/datasets/{dataset_id}/trial")
    numbers = finish(service, dataset_id)
    assert_problem(other.post(f"/v1/datasets/{dataset_id}/trial"), 404)
    assert_problem(other.get(f"/v1/datasets/{dataset_id}/trial"), 404)
    assert_problem(other.get(f"/v1/datasets/{dataset_id}/trial/{numbers[0]}/subtle"), 404)


def test_the_page_asks_for_a_trial_and_shows_each_strength(
    api: httpx.Client, service: Service, dataset_id: str
) -> None:
    html = {"Accept": "text/html"}
    path = f"/datasets/{dataset_id}"
    assert "Try it on 3 images" in api.get(path, headers=html).text
    assert api.post(f"{path}/trial", data={"visibility": "strong"}).headers["location"] == f"{path}#trial"
    page = api.get(path, headers=html).text
    assert 'id="trial" class="trial" data-live data-busy' in page
    numbers = finish(service, dataset_id)
    page = api.get(path, headers=html).text
    for number in numbers:
        for name in ("original", "subtle", "balanced", "strong"):
            assert f"/v1/datasets/{dataset_id}/trial/{number}/{name}?trial=" in page
    others = page.partition('name="images" value="')[2].partition('"')[0]
    assert not set(map(int, others.split(","))) & set(numbers)
    assert api.post(f"{path}/trial", data={"images": others}).status_code == 303
    assert finish(service, dataset_id) == [int(number) for number in others.split(",")]
    assert api.post(f"{path}/trial", data={"images": "1,x"}).status_code == 422


def test_small_images_are_shown_once_since_each_strength_is_the_same(api: httpx.Client, service: Service) -> None:
    dataset_id = new_dataset(api, service, shorter_edge=32)
    before = api.get(f"/datasets/{dataset_id}", headers={"Accept": "text/html"}).text
    assert "You compare the original with the protected image." in before
    api.post(f"/v1/datasets/{dataset_id}/trial")
    finish(service, dataset_id)
    page = api.get(f"/datasets/{dataset_id}", headers={"Accept": "text/html"}).text
    assert page.count('class="trial-variant"') == 3
    assert page.count("As visible as JPEG at quality") == 3
    assert "Subtle, as visible" not in page


def test_a_trial_that_failed_says_why_and_can_be_tried_again(
    api: httpx.Client, service: Service, dataset_id: str
) -> None:
    api.post(f"/v1/datasets/{dataset_id}/trial")
    claim = service.claim(trial_jobs(service, dataset_id)[0].id)
    with service.db.write.begin() as session:
        leases.fail(session, claim, "No generator fits.")
    page = api.get(f"/datasets/{dataset_id}", headers={"Accept": "text/html"}).text
    assert "No generator fits." in page
    assert "Try it on 3 images" in page
    assert api.post(f"/v1/datasets/{dataset_id}/trial").json()["state"] == "queued"
