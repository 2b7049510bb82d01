"""Archives that can be downloaded while their job still measures, and what takes their place."""

from typing import Any

import httpx

from store import leases
from tests.api.conftest import Service, assert_problem, request_job
from tests.support.archives import zipped

ARCHIVE = zipped() * 50
REPORT = b'{"job_id": "x"}'
PAGE = b"<!doctype html><title>Report</title>"
EARLY, FINAL = ARCHIVE + b"early report" * 9, ARCHIVE + b"final report, which is longer" * 9


def offer(service: Service, claim: leases.Claim, archive: bytes) -> None:
    """Offer an archive as a worker does before it measures."""
    key = f"jobs/{claim.job_id}/early/{claim.attempt}/archive.zip"
    service.files.write(key, archive)
    with service.db.write.begin() as session:
        assert leases.record_archive(session, claim, key=key, size=len(archive))


def finish(service: Service, claim: leases.Claim, archive: bytes, *, common_bytes: int | None) -> None:
    """End a job as a worker does when everything is measured."""
    keys = [
        f"jobs/{claim.job_id}/results/{claim.attempt}/{name}" for name in ("archive.zip", "report.json", "report.html")
    ]
    for key, data in zip(keys, (archive, REPORT, PAGE), strict=True):
        service.files.write(key, data)
    result = leases.JobResult(
        archive_key=keys[0],
        archive_bytes=len(archive),
        archive_common_bytes=common_bytes,
        report_key=keys[1],
        page_key=keys[2],
    )
    with service.db.write.begin() as session:
        assert leases.succeed(session, claim, result)


def test_an_archive_can_be_downloaded_before_its_job_is_over(
    api: httpx.Client, service: Service, job: dict[str, Any]
) -> None:
    url, claim = f"/v1/jobs/{job['id']}", service.claim(job["id"])
    assert api.get(url).json()["archive_ready_at"] is None
    offer(service, claim, EARLY)
    displayed = api.get(url).json()
    assert (displayed["state"], displayed["archive_bytes"]) == ("running", len(EARLY))
    assert displayed["archive_ready_at"] is not None
    early = api.get(f"{url}/archive")
    assert (early.status_code, early.content) == (200, EARLY)
    link = api.post(f"{url}/links").json()["url"]
    assert service.client().get(link).content == EARLY
    assert_problem(api.get(f"{url}/report"), 409, "no result")
    assert b'id="download"' in api.get(f"/jobs/{job['id']}", headers={"Accept": "text/html"}).content
    finish(service, claim, FINAL, common_bytes=len(ARCHIVE))
    final = api.get(f"{url}/archive")
    assert (final.status_code, final.content) == (200, FINAL)
    assert final.headers["etag"] != early.headers["etag"]
    assert service.client().get(link).content == FINAL
    done = api.get(url).json()
    assert (done["archive_ready_at"], done["archive_bytes"]) == (displayed["archive_ready_at"], len(FINAL))


def test_a_download_that_resumes_after_the_archive_was_replaced_never_mixes_two_files(
    api: httpx.Client, service: Service, job: dict[str, Any]
) -> None:
    url, claim = f"/v1/jobs/{job['id']}/archive", service.claim(job["id"])
    offer(service, claim, EARLY)
    early = api.get(url)
    assert api.get(url, headers={"Range": f"bytes={len(EARLY) - 5}-"}).status_code == 206
    finish(service, claim, FINAL, common_bytes=len(ARCHIVE))
    for have in (0, 1, len(ARCHIVE) - 1, len(ARCHIVE), len(ARCHIVE) + 1, len(EARLY) - 1, len(EARLY)):
        for condition in ({}, {"If-Range": early.headers["etag"]}, {"If-Range": early.headers["last-modified"]}):
            answer = api.get(url, headers={"Range": f"bytes={have}-"} | condition)
            assert answer.status_code in (200, 206)
            got = EARLY[:have] + answer.content if answer.status_code == 206 else answer.content
            assert got == FINAL
    etag = api.head(url).headers["etag"]
    tail = api.get(url, headers={"Range": f"bytes={len(FINAL) - 5}-", "If-Range": etag})
    assert (tail.status_code, tail.content) == (206, FINAL[-5:])


def test_the_archive_stays_when_the_measurement_fails_or_is_canceled(
    api: httpx.Client, service: Service, dataset: dict[str, Any]
) -> None:
    service.make_ready(dataset["id"])
    for end, state, words in (
        (
            lambda session, claim: leases.fail(session, claim, "No memory."),
            "failed",
            "could not be measured. No memory.",
        ),
        (leases.cancel, "canceled", None),
    ):
        id_ = request_job(api, dataset["id"])["id"]
        claim = service.claim(id_)
        offer(service, claim, EARLY)
        with service.db.write.begin() as session:
            assert end(session, claim)
        displayed = api.get(f"/v1/jobs/{id_}").json()
        assert displayed["state"] == state
        assert words is None or words in displayed["error"]
        assert api.get(f"/v1/jobs/{id_}/archive").content == EARLY
        page = api.get(f"/jobs/{id_}", headers={"Accept": "text/html"}).text
        assert 'id="download"' in page
        assert "not measured" in page or "measurement was stopped" in page
        assert_problem(api.get(f"/v1/jobs/{id_}/report"), 409, "no result")


def test_an_archive_that_another_attempt_made_anew_shares_no_bytes(
    api: httpx.Client, service: Service, job: dict[str, Any]
) -> None:
    url, claim = f"/v1/jobs/{job['id']}/archive", service.claim(job["id"])
    offer(service, claim, EARLY)
    offer(service, claim, FINAL)
    assert api.get(url).content == FINAL
    assert api.get(url, headers={"Range": "bytes=1-"}).status_code == 200
    assert api.get(url, headers={"Range": "bytes=0-"}).status_code == 206
