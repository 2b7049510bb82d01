"""Names: any script, joined emoji and wide spaces are accepted; line breaks and direction marks are not."""

import httpx
import pytest

from core.filenames import MAX_NAME_CHARS, is_valid_name
from tests.api.conftest import Service, assert_problem
from tests.support.archives import zipped
from tests.support.tus_client import TUS_HEADERS, begin, metadata

GOOD = ["猫\u3000写真", "می\u200cخواهم", "a\xa0b", "👩\u200d💻 laptop", "é" * MAX_NAME_CHARS, "שלום"]
BAD = ["a\nb", "a\0b", "\x7f", "a\x85b", "a\u2028b", "evil\u202egnp.exe", "\u2066x\u2069"]


@pytest.mark.parametrize("name", GOOD)
def test_names_in_any_script_are_accepted(api: httpx.Client, service: Service, name: str) -> None:
    assert is_valid_name(name)
    upload = begin(api, 5, filename=f"{name}.zip")
    assert api.delete(upload, headers=TUS_HEADERS).status_code == 204
    given = api.post("/v1/datasets", files={"file": ("a.zip", zipped())}, data={"name": name})
    assert given.json()["name"] == name
    assert api.post("/v1/tokens", json={"name": name}).json()["name"] == name
    made = browser(service).post("/tokens", data={"name": name})
    assert made.status_code == 200
    assert "Your new token" in made.text


def browser(service: Service) -> httpx.Client:
    """A browser that signed in by a token and sends forms of the service's own pages."""
    client = service.client()
    client.headers["Origin"] = service.url
    assert client.post("/sign-in", data={"token": service.token("admin")}).status_code == 303
    return client


@pytest.mark.parametrize("name", BAD)
def test_line_breaks_and_direction_marks_in_names_are_refused(api: httpx.Client, name: str) -> None:
    assert not is_valid_name(name)
    assert_problem(api.post("/v1/tokens", json={"name": name}), 422)
    assert_problem(
        api.post("/v1/uploads", headers=TUS_HEADERS | {"Upload-Length": "5"} | metadata(name=f"x{name}y")), 422
    )


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("a%0Ab.zip", "ab"),
        ("photos/cats.zip", "cats"),
        ("C:\\photos\\cats.tar.gz", "cats"),
        ("\u202ecats.zip", "cats"),
        (f"{'x' * 240}.zip", "x" * MAX_NAME_CHARS),
    ],
)
def test_the_name_derived_from_a_filename_is_always_valid(api: httpx.Client, filename: str, name: str) -> None:
    """`filename` is percent-encoded as in a form; httpx would encode it once more."""
    boundary = "edge"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n\r\n'
    body = head.encode() + zipped() + f"\r\n--{boundary}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    made = api.post("/v1/datasets", content=body, headers=headers)
    assert (made.status_code, made.json()["name"]) == (201, name)


def test_a_refused_token_form_keeps_the_typed_name(service: Service) -> None:
    answer = browser(service).post("/tokens", data={"name": "x" * 201})
    assert answer.status_code == 422
    assert f'value="{"x" * 201}"' in answer.text
