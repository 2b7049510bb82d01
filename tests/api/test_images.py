"""Single images of a dataset and of a protected archive: their bytes, types and headers, and the gallery pages."""

import json
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.image_files import image_type
from core.ingest.archives.zip_locations import locate_files
from core.reports.templating import SCRIPT
from store import image_index
from store import models as m
from store.image_index import DeliveredImage, IndexedImage, Previews, StoredBytes
from tests.api.conftest import Service, assert_problem, request_job, upload_dataset
from tests.support.archives import image_files, png, zipped


@pytest.mark.parametrize(
    ("brands", "expected"),
    [
        (b"avif\0\0\0\0mif1avif", "image/avif"),
        (b"mif1\0\0\0\0mif1avif", "image/avif"),
        (b"mif1\0\0\0\0mif1heic", None),
        (b"heic\0\0\0\0mif1heic", None),
    ],
)
def test_a_heic_is_no_avif(brands: bytes, expected: str | None) -> None:
    assert image_type((len(brands) + 8).to_bytes(4) + b"ftyp" + brands + b"\0\0\0\x20avif") == expected


HTML = b"<!doctype html><script>alert(1)</script>"


def locations(data: bytes, folder: Path) -> dict[str, StoredBytes]:
    """Where the files of a zip lie."""
    path = folder / "located.zip"
    path.write_bytes(data)
    return {name: StoredBytes(**asdict(found)) for name, found in locate_files(path).items()}


def write_index(service: Service, dataset_id: str, located: dict[str, StoredBytes | None], **known: Any) -> None:
    """List the images of a dataset as a check does, and make it ready."""
    facts: dict[str, Any] = {"class_name": "cats", "width": 8, "height": 8, "format": "PNG"} | known
    images = [IndexedImage(path=path, location=located[path], **facts) for path in sorted(located)]
    image_index.write_images(service.files, dataset_id, images)
    service.make_ready(dataset_id, images=len(images))


@pytest.fixture(params=[zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
def listed(request: pytest.FixtureRequest, api: httpx.Client, service: Service, tmp_path: Path) -> str:
    """The id of a dataset whose images are listed."""
    data = zipped(method=request.param)
    dataset_id: str = upload_dataset(api, data)["id"]
    write_index(service, dataset_id, dict(locations(data, tmp_path)))
    return dataset_id


def previews_of(service: Service, dataset_id: str) -> list[m.Job]:
    """The jobs that make previews of a dataset."""
    with service.db.read() as session:
        return session.query(m.Job).filter_by(dataset_id=dataset_id, kind=m.PREVIEW).all()


def test_images_are_listed_in_pages(api: httpx.Client, listed: str) -> None:
    first = api.get(f"/v1/datasets/{listed}/images", params={"limit": 4}).json()
    assert [item["path"] for item in first["items"]] == sorted(image_files())[:4]
    rest = api.get(f"/v1/datasets/{listed}/images", params={"limit": 4, "cursor": first["next"]}).json()
    assert [item["number"] for item in rest["items"]] == [4, 5]
    assert rest["next"] is None
    beyond = api.get(f"/v1/datasets/{listed}/images", params={"cursor": 100}).json()
    assert beyond == {"items": [], "next": None}


def test_an_image_is_the_uploaded_file(api: httpx.Client, listed: str) -> None:
    for item in api.get(f"/v1/datasets/{listed}/images").json()["items"]:
        answer = api.get(item["url"])
        assert answer.content == image_files()[item["path"]]
        assert answer.headers["content-type"] == "image/png"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].endswith("sandbox")
        assert answer.headers["content-disposition"].startswith("inline")
    assert_problem(api.get(f"/v1/datasets/{listed}/images/6"), 404)
    assert_problem(api.get(f"/v1/datasets/{listed}/images/-1"), 422)


def test_a_file_that_is_no_image_is_not_sent(api: httpx.Client, service: Service, tmp_path: Path) -> None:
    data = zipped({"cats/a.png": HTML, "dogs/b.png": png()})
    dataset_id = upload_dataset(api, data)["id"]
    write_index(service, dataset_id, dict(locations(data, tmp_path)))
    assert_problem(api.get(f"/v1/datasets/{dataset_id}/images/0"), 415)


def test_a_damaged_location_reads_no_more_than_its_size(api: httpx.Client, service: Service, tmp_path: Path) -> None:
    data = zipped({"cats/a.png": png() + bytes(10_000_000), "dogs/b.png": png()}, method=zipfile.ZIP_DEFLATED)
    dataset_id = upload_dataset(api, data)["id"]
    found = locations(data, tmp_path)
    short = StoredBytes(**asdict(found["cats/a.png"]) | {"size": 100})
    write_index(service, dataset_id, {"cats/a.png": short, "dogs/b.png": found["dogs/b.png"]})
    assert len(api.get(f"/v1/datasets/{dataset_id}/images/0").content) == 100


def test_listing_asks_a_worker_once_for_previews(api: httpx.Client, service: Service, listed: str) -> None:
    for _ in range(2):
        api.get(f"/v1/datasets/{listed}/images")
    [job] = previews_of(service, listed)
    assert (job.state, job.spec) == (m.QUEUED, {"chunk": 0})
    assert_problem(api.get(f"/v1/datasets/{listed}/images/0/thumbnail"), 404)
    assert job.id not in {item["id"] for item in api.get("/v1/jobs").json()["items"]}
    assert_problem(api.get(f"/v1/jobs/{job.id}"), 404)
    assert api.delete(f"/v1/datasets/{listed}").status_code == 204, "previews do not keep a dataset"
    with service.db.read() as session:
        assert session.get_one(m.Job, job.id).state == m.CANCELED


def write_previews(service: Service, dataset_id: str, tmp_path: Path, thumbnail: bytes, view: bytes) -> None:
    """Store the same previews for six images as a worker does."""
    (tmp_path / "packed").write_bytes(thumbnail + view)
    first = StoredBytes(start=0, packed=len(thumbnail), size=len(thumbnail))
    second = StoredBytes(start=len(thumbnail), packed=len(view), size=len(view))
    previews = Previews(thumbnails=(first,) * 6, views=(second,) * 6)
    image_index.write_previews(service.files, dataset_id, 0, tmp_path / "packed", previews)


def test_previews_are_sent_once_they_are_made(api: httpx.Client, service: Service, listed: str, tmp_path: Path) -> None:
    write_previews(service, listed, tmp_path, png(tint=7), png(tint=9))
    assert api.get(f"/v1/datasets/{listed}/images/5/thumbnail").content == png(tint=7)
    assert api.get(f"/v1/datasets/{listed}/images/5").content == image_files()["dogs/2.png"]
    assert "datasets" in api.get(f"/v1/datasets/{listed}/images").json()["items"][0]["thumbnail_url"]
    assert previews_of(service, listed) == []


@pytest.mark.parametrize("known", [{"format": "TIFF"}, {}], ids=["tiff", "tar"])
def test_an_image_that_needs_a_worker_is_sent_once_it_is_prepared(
    api: httpx.Client, service: Service, tmp_path: Path, known: dict[str, str]
) -> None:
    data = zipped()
    dataset_id = upload_dataset(api, data)["id"]
    found = locations(data, tmp_path)
    write_index(service, dataset_id, {path: found[path] if known else None for path in found}, **known)
    answer = api.get(f"/v1/datasets/{dataset_id}/images/2")
    assert assert_problem(answer, 404, "being prepared")["type"].endswith("not-prepared")
    write_previews(service, dataset_id, tmp_path, png(), png(tint=9))
    assert api.get(f"/v1/datasets/{dataset_id}/images/2").content == png(tint=9)


def test_a_preview_that_failed_is_not_tried_again_and_again(
    api: httpx.Client, service: Service, tmp_path: Path
) -> None:
    data = zipped()
    dataset_id = upload_dataset(api, data)["id"]
    write_index(service, dataset_id, dict(locations(data, tmp_path)), format="TIFF")
    api.get(f"/v1/datasets/{dataset_id}/images/0")
    with service.db.write.begin() as session:
        session.query(m.Job).filter_by(dataset_id=dataset_id, kind=m.PREVIEW).one().state = m.FAILED
    assert_problem(api.get(f"/v1/datasets/{dataset_id}/images/0"), 415)
    page = api.get(f"/datasets/{dataset_id}/images", headers={"Accept": "text/html"}).text
    assert "No preview" in page
    assert "data-busy" not in page
    assert len(previews_of(service, dataset_id)) == 1


def test_a_dataset_of_an_earlier_release_says_why_it_has_no_list(api: httpx.Client, service: Service) -> None:
    dataset = upload_dataset(api)
    assert_problem(api.get(f"/v1/datasets/{dataset['id']}/images/0"), 404)
    service.make_ready(dataset["id"])
    assert_problem(api.get(f"/v1/datasets/{dataset['id']}/images/0"), 404, "earlier release")


@pytest.fixture
def protected(api: httpx.Client, service: Service, listed: str, tmp_path: Path) -> str:
    """The id of a job with an archive that lacks the last image."""
    job_id: str = request_job(api, listed)["id"]
    files = {f"{path[:-4]}.png": png(tint=200 + n) for n, path in enumerate(sorted(image_files())[:-1])}
    archive = zipped(files)
    service.succeed(job_id, archive=archive)
    delivered: list[DeliveredImage | None] = [
        DeliveredImage(path=path, location=found) for path, found in locations(archive, tmp_path).items()
    ]
    image_index.write_delivered(service.files, f"jobs/{job_id}/1", [*delivered, None])
    return job_id


def test_a_protected_image_is_the_delivered_file(api: httpx.Client, other: httpx.Client, protected: str) -> None:
    assert api.get(f"/v1/jobs/{protected}/images/3").content == png(tint=203)
    assert_problem(api.get(f"/v1/jobs/{protected}/images/5"), 404, "not in the archive")
    assert_problem(api.get(f"/v1/jobs/{protected}/images/99999"), 404)
    assert_problem(other.get(f"/v1/jobs/{protected}/images/3"), 404)


def test_pages_show_the_images(api: httpx.Client, service: Service, listed: str, protected: str) -> None:
    browser = {"Accept": "text/html"}
    gallery = api.get(f"/datasets/{listed}/images", headers=browser)
    assert gallery.status_code == 200
    assert f'href="/datasets/{listed}/images/5"' in gallery.text
    assert api.get(f"/datasets/{listed}/images?page=2", headers=browser).status_code == 404
    alone = api.get(f"/datasets/{listed}/images/0", headers=browser).text
    assert f'src="/v1/datasets/{listed}/images/0"' in alone
    assert 'rel="prev"' not in alone
    assert 'rel="next"' in alone
    assert f'href="/jobs/{protected}/images/0"' in api.get(f"/jobs/{protected}/images", headers=browser).text
    both = api.get(f"/jobs/{protected}/images/0", headers=browser).text
    assert f'src="/v1/datasets/{listed}/images/0"' in both
    assert f'src="/v1/jobs/{protected}/images/0"' in both


def test_a_protected_image_that_browsers_cannot_show_is_told(
    api: httpx.Client, service: Service, tmp_path: Path
) -> None:
    originals, delivered = zipped({"a.tif": png(), "b.tif": png()}), zipped({"a.tif": b"II*\0" + png(), "b.png": png()})
    dataset_id = upload_dataset(api, originals)["id"]
    write_index(service, dataset_id, dict(locations(originals, tmp_path)), format="TIFF")
    write_previews(service, dataset_id, tmp_path, png(), png(tint=9))
    job_id = request_job(api, dataset_id)["id"]
    service.succeed(job_id, archive=delivered)
    found: list[DeliveredImage | None] = [
        DeliveredImage(path=path, location=one) for path, one in locations(delivered, tmp_path).items()
    ]
    image_index.write_delivered(service.files, f"jobs/{job_id}/1", found)
    pages = [api.get(f"/jobs/{job_id}/images/{number}", headers={"Accept": "text/html"}).text for number in (0, 1)]
    assert [f'src="/v1/datasets/{dataset_id}/images/{number}"' in pages[number] for number in (0, 1)] == [True, True]
    assert [f'src="/v1/jobs/{job_id}/images/{number}"' in pages[number] for number in (0, 1)] == [False, True]
    assert ["Browsers cannot show the protected file" in page for page in pages] == [True, False]


def test_a_job_whose_dataset_was_deleted_has_no_gallery(api: httpx.Client, listed: str, protected: str) -> None:
    assert api.delete(f"/v1/datasets/{listed}").status_code == 204
    answer = api.get(f"/jobs/{protected}/images", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert "was deleted" in answer.text


@pytest.mark.parametrize("path", ["images", "images/0", "images/0/thumbnail"])
def test_images_of_another_user_do_not_exist(api: httpx.Client, other: httpx.Client, listed: str, path: str) -> None:
    assert_problem(other.get(f"/v1/datasets/{listed}/{path}"), 404)
    assert json.loads(api.get(f"/v1/datasets/{listed}").text)["images"] == 6


def test_the_pages_load_the_slider_that_reports_hold(api: httpx.Client) -> None:
    assert api.get("/static/compare.js").text == SCRIPT
