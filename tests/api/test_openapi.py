"""The OpenAPI document: valid, complete, and without references to nowhere."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate

OPEN_TO_ALL = {"/healthz", "/readyz", "/v1/links/{signed}"}


@pytest.fixture(scope="module")
def document(service: Any) -> dict[str, Any]:
    """The document as the service sends it."""
    found: dict[str, Any] = service.client().get("/v1/openapi.json").json()
    return found


@pytest.fixture(scope="module")
def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Every operation by method and path."""
    return {(method, path): each for path, item in document["paths"].items() for method, each in item.items()}


def references(node: Any) -> Iterator[str]:
    """Every `$ref` below a node."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def resolve(document: dict[str, Any], reference: str) -> Any:
    """What a reference within the document points to. Raises KeyError if it points nowhere."""
    assert reference.startswith("#/")
    node: Any = document
    for key in reference[2:].split("/"):
        node = node[key.replace("~1", "/").replace("~0", "~")]
    return node


def test_it_is_valid(document: dict[str, Any]) -> None:
    validate(document)


def test_every_reference_resolves(document: dict[str, Any]) -> None:
    found = set(references(document))
    assert "#/components/schemas/ProblemOut" in found
    for reference in found:
        assert resolve(document, reference), reference


def test_every_operation_is_described(operations: dict[tuple[str, str], dict[str, Any]]) -> None:
    for name, operation in operations.items():
        assert operation["summary"][0].isupper(), name
        assert not operation["summary"].endswith("."), name
        assert operation["description"].endswith("."), name
        assert "Raises" not in operation["description"], name
        assert len(operation["tags"]) == 1, name
    ids = [operation["operationId"] for operation in operations.values()]
    assert len(ids) == len(set(ids))


def test_every_parameter_is_described(operations: dict[tuple[str, str], dict[str, Any]]) -> None:
    for name, operation in operations.items():
        for parameter in operation.get("parameters", []):
            assert parameter["description"].endswith("."), (name, parameter["name"])


def test_every_error_is_a_problem(operations: dict[tuple[str, str], dict[str, Any]]) -> None:
    for name, operation in operations.items():
        errors = {status: each for status, each in operation["responses"].items() if status[0] in "45"}
        assert {"4XX", "5XX"} <= set(errors), name
        for status, response in errors.items():
            assert response["description"].endswith("."), (name, status)
            assert set(response["content"]) == {"application/problem+json"}, (name, status)


def test_authentication_is_documented(operations: dict[tuple[str, str], dict[str, Any]]) -> None:
    for (method, path), operation in operations.items():
        is_public = path in OPEN_TO_ALL or method == "options"
        assert (operation.get("security") == []) is is_public, (method, path)
        assert ("401" in operation["responses"]) is not is_public, (method, path)


def test_every_tag_is_described(document: dict[str, Any], operations: dict[tuple[str, str], dict[str, Any]]) -> None:
    described = {tag["name"] for tag in document["tags"] if tag["description"]}
    assert described == {tag for operation in operations.values() for tag in operation["tags"]}


def test_the_examples_of_a_job_request_are_accepted(document: dict[str, Any], api: httpx.Client) -> None:
    examples = document["components"]["schemas"]["JobIn"]["examples"]
    assert [example["kind"] for example in examples] == ["protect", "train", "verify"]
    for example in examples:  # their ids exist nowhere, and nothing else is wrong with them
        assert api.post("/v1/jobs", json=example).status_code == 404, example
