"""A dataset says how its images were sorted into classes, and a job may ask for another layout that fits."""

import httpx

from tests.api.conftest import Service, assert_problem, request_job, upload_dataset

LAYOUT = {
    "kind": "album",
    "reason": "The folders have dates. So all images are one album.",
    "notes": ["2 files are no images and not protected, such as “a.mp4”."],
    "problems": [{"path": "labels.csv", "line": 3, "problem": "It names “x.jpg”, which is not in the upload."}],
    "choices": [
        {"layout": "classes", "classes": 3, "problem": None},
        {"layout": "labels", "classes": 0, "problem": "No file beside the images says their classes."},
        {"layout": "album", "classes": 1, "problem": None},
    ],
}


def album(api: httpx.Client, service: Service) -> str:
    """The id of a checked album."""
    dataset_id: str = upload_dataset(api)["id"]
    service.make_ready(dataset_id, classes=[{"name": "Lisbon", "images": 6}], layout=LAYOUT)
    return dataset_id


def protection(api: httpx.Client, dataset_id: str, **spec: object) -> httpx.Response:
    """The answer to the request for a protection."""
    return api.post("/v1/jobs", json={"kind": "protect", "dataset_id": dataset_id, "spec": spec})


def test_a_dataset_shows_its_layout_once_it_is_checked(api: httpx.Client, service: Service) -> None:
    assert upload_dataset(api)["layout"] is None
    assert api.get(f"/v1/datasets/{album(api, service)}").json()["layout"] == LAYOUT


def test_a_layout_that_does_not_fit_is_refused_with_those_that_do(api: httpx.Client, service: Service) -> None:
    dataset_id = album(api, service)
    answer = protection(api, dataset_id, layout="labels")
    assert_problem(answer, 422, "No file beside the images says their classes. Choose auto or classes or album")
    assert answer.json()["errors"][0]["field"] == "spec.layout"
    assert request_job(api, dataset_id, layout="classes")["spec"]["layout"] == "classes"


def test_an_album_takes_only_what_a_generator_can_do_and_says_why(api: httpx.Client, service: Service) -> None:
    dataset_id = album(api, service)
    assert_problem(protection(api, dataset_id, radius_u=16, method="sem"), 422, "these images are one class")
    assert protection(api, dataset_id, radius_u=16, method="sem", layout="classes").status_code == 202
    assert protection(api, dataset_id).status_code == 202
