"""A dataset says how its images were sorted into classes, and a job may ask for another layout that fits."""

from typing import Any

import httpx
import pytest

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
    "questions": [
        {
            "question": "These 2 folders look like a part of an album.",
            "folders": ["2023", "2024"],
            "images": 6,
            "understood": "album",
            "options": ["classes", "album"],
        },
        {
            "question": "The folder “thumbs” looks like thumbnails.",
            "folders": ["thumbs"],
            "images": 2,
            "understood": "leave_out",
            "options": ["leave_out", "keep"],
        },
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


@pytest.mark.parametrize(
    ("edge", "classes", "spec", "refused"),
    [
        (32.0, 2, {"preset": "instant", "radius_u": 16}, ("spec.radius_u", "must be 8: the generator")),
        (64.0, 2, {"preset": "instant", "radius_a": 2}, ("spec.radius_a", "must be 4: the generator")),
        (32.0, 1, {"preset": "quick", "radius_u": 16}, ("spec.radius_u", "these images are one class")),
        (32.0, 2_000, {"preset": "instant"}, ("spec.preset", "No generator that ships fits these images")),
        (32.0, 2, {"preset": "quick", "method": "texture"}, ("spec.method", "needs images larger than 64 x 64 pixels")),
        (32.0, 2, {"preset": "instant"}, None),
        (32.0, 2, {"preset": "quick", "radius_u": 16}, None),
        (65.0, 2_000, {"preset": "instant", "radius_u": 16}, None),
        (65.0, 1, {"preset": "quick", "radius_u": 16}, None),
        (65.0, 2, {"preset": "quick", "method": "texture"}, None),
        (None, 2_000, {"preset": "instant", "radius_u": 16}, None),
    ],
)
def test_what_the_sizes_of_the_images_rule_out_is_refused_at_once(
    api: httpx.Client,
    service: Service,
    edge: float | None,
    classes: int,
    spec: dict[str, Any],
    refused: tuple[str, str] | None,
) -> None:
    dataset_id = upload_dataset(api)["id"]
    named = [{"name": str(number), "images": 3} for number in range(classes)]
    service.make_ready(dataset_id, classes=named, shorter_edge=edge)
    answer = protection(api, dataset_id, **spec)
    if refused is None:
        assert answer.status_code == 202, answer.text
        return
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["field"] == refused[0]
    assert refused[1] in error["message"]


def test_folders_to_leave_out_are_a_list_of_names(api: httpx.Client, service: Service) -> None:
    dataset_id = album(api, service)
    assert request_job(api, dataset_id, leave_out=["2023"])["spec"]["leave_out"] == ["2023"]
    assert request_job(api, dataset_id)["spec"]["leave_out"] is None
    for wrong in ("2023", [""], [5], ["x" * 1001], ["x"] * 101):
        answer = protection(api, dataset_id, leave_out=wrong)
        assert_problem(answer, 422, "must be a list of up to 100 folders of the upload")
        assert answer.json()["errors"][0]["field"] == "spec.leave_out"


def test_the_page_asks_what_is_in_doubt_and_the_form_answers(api: httpx.Client, service: Service) -> None:
    dataset_id = album(api, service)
    page = api.get(f"/datasets/{dataset_id}", headers={"Accept": "text/html"}).text
    form = page.partition('id="protect-form"')[2].partition("</form>")[0]
    assert "These 2 folders look like a part of an album." in form
    assert "As understood: one album" in form
    assert "Class folders (3 classes)" in form
    assert form.count('name="layout"') == 2  # no list beside the radio buttons
    assert form.count(" checked") >= 2
    fields = {"layout": "classes", "leave_out_default": "thumbs", "leave_out.1": "2023", "evidence": "none"}
    answer = api.post(f"/datasets/{dataset_id}/protect", data=fields)
    assert answer.status_code == 303
    spec = api.get(f"/v1{answer.headers['location']}").json()["spec"]
    assert (spec["layout"], spec["leave_out"]) == ("classes", ["2023"])


def test_the_page_of_a_plain_dataset_asks_nothing(api: httpx.Client, service: Service) -> None:
    dataset_id = upload_dataset(api)["id"]
    service.make_ready(dataset_id)
    page = api.get(f"/datasets/{dataset_id}", headers={"Accept": "text/html"}).text
    assert "Is this understood rightly?" not in page
    assert page.count('name="layout"') == 1
