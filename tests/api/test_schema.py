"""The OpenAPI schema is kept: whatever is sent, no answer is one that it does not know, and none is a 5xx."""

from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi import checks

from tests.api.conftest import Service, asked, sent
from tests.support.archives import zipped

CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


@schemathesis.serializer("application/offset+octet-stream")
def as_it_is(context: Any, value: Any) -> bytes:
    """A piece of an upload: bytes as they were made up."""
    return value.data if hasattr(value, "data") else str(value).encode("utf-8", "replace")


@pytest.fixture
def known(service: Service, api: httpx.Client) -> dict[str, str]:
    """Ids of things that exist."""
    dataset = sent(api)
    service.make_ready(dataset["id"])
    job = asked(api, dataset["id"])
    service.succeed(job["id"], archive=zipped())
    return {"dataset_id": dataset["id"], "job_id": job["id"]}


def test_the_schema_is_kept(service: Service, api: httpx.Client, known: dict[str, str]) -> None:
    schema = schemathesis.openapi.from_url(f"{service.url}/v1/openapi.json")
    headers = {"Authorization": api.headers["authorization"]}
    found = [result.ok() for result in schema.get_all_operations()]
    operations = sorted(found, key=lambda operation: operation.method == "delete")  # what is deleted answers 404 only
    assert len(operations) > 20

    for operation in operations:

        @given(case=operation.as_strategy())
        @settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
        def ask(case: Any) -> None:
            for name in set(case.path_parameters or {}) & set(known):
                case.path_parameters[name] = known[name]
            answer = case.call(base_url=service.url, headers=headers, timeout=20)
            case.validate_response(answer, checks=CHECKS)

        ask()
