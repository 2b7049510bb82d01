"""A protection names the dataset whose classes its album joins, and only one of its owner's that is ready."""

import httpx

from store import models as m
from tests.api.conftest import Service, assert_problem, request_job, upload_dataset

CLASSES = [{"name": "cat", "images": 9}, {"name": "dog", "images": 9}]


def ready(api: httpx.Client, service: Service, classes: list[dict[str, object]]) -> str:
    dataset_id: str = upload_dataset(api)["id"]
    service.make_ready(dataset_id, classes=classes)
    return dataset_id


def test_a_dataset_that_is_ready_is_taken_and_others_are_refused(api: httpx.Client, service: Service) -> None:
    album, pets = ready(api, service, [{"name": "Lisbon", "images": 18}]), ready(api, service, CLASSES)
    assert request_job(api, album, reference_dataset_id=pets)["spec"]["reference_dataset_id"] == pets
    unchecked = upload_dataset(api)["id"]
    for wrong, why in (
        ("nothing", "there is no such dataset of yours"),
        (album, "must be another dataset"),
        (unchecked, "must be a dataset that is ready; this one is checking"),
        ("no id", "must be the id of a dataset"),
    ):
        spec = {"reference_dataset_id": wrong}
        answer = api.post("/v1/jobs", json={"kind": "protect", "dataset_id": album, "spec": spec})
        assert_problem(answer, 422, why)
        assert answer.json()["errors"][0]["field"] == "spec.reference_dataset_id"


def test_a_dataset_of_another_user_is_none_of_yours(api: httpx.Client, service: Service) -> None:
    album, foreign = ready(api, service, [{"name": "Lisbon", "images": 18}]), ready(api, service, CLASSES)
    with service.db.write.begin() as session:
        session.get_one(m.Dataset, foreign).owner_id = service.user(session, "somebody").id
    spec = {"reference_dataset_id": foreign}
    answer = api.post("/v1/jobs", json={"kind": "protect", "dataset_id": album, "spec": spec})
    assert_problem(answer, 422, "there is no such dataset of yours")


def test_the_form_of_an_album_offers_other_datasets(api: httpx.Client, service: Service) -> None:
    album, pets = ready(api, service, [{"name": "Lisbon", "images": 18}]), ready(api, service, CLASSES)
    page = api.get(f"/datasets/{album}").text
    assert f'<option value="{pets}"' in page
    assert 'name="reference_dataset_id"' not in api.get(f"/datasets/{pets}").text
