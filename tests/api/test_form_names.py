"""Multipart forms as programs other than browsers send them: names in every encoding, a preamble, encoded bodies."""

import base64

import httpx
import pytest

from api.uploads.content_disposition import parse_disposition
from tests.api.conftest import Service, assert_problem
from tests.support.archives import png, zipped

DATA = zipped()
BOUNDARY = "edge"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def form(disposition: str, content: bytes, *, preamble: bytes = b"", headers: str = "", epilogue: bytes = b"") -> bytes:
    """A form of one file with this Content-Disposition."""
    head = f"--{BOUNDARY}\r\n{headers}Content-Disposition: form-data; {disposition}\r\n\r\n".encode("latin-1")
    return preamble + head + content + f"\r\n--{BOUNDARY}--\r\n".encode() + epilogue


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ("name=\"file\"; filename*=UTF-8''gr%C3%B6%C3%9Fe.zip", "größe"),
        ('name="file"; filename="size.zip"; filename*=utf-8\'de\'gr%C3%B6%C3%9Fe.zip', "größe"),
        ('name="file"; filename*=UTF-8\'\'%e7%8c%ab.zip; filename="cat.zip"', "猫"),
        ("name=file; filename*=ISO-8859-1''gr%F6%DFe.zip", "größe"),
        ("name=file; filename*0*=UTF-8''gr%C3%B6; filename*1*=%C3%9Fe; filename*2=\".zip\"", "größe"),
        ('name="file"; filename*0="si"; filename*1="ze.zip"', "size"),
        (f'name="file"; filename="=?UTF-8?B?{base64.b64encode("größe.zip".encode()).decode()}?="', "größe"),
        ('name="file"; filename="=?iso-8859-1?Q?gr=F6=DFe.zip?="', "größe"),
        ('name="file"; filename="=?utf-8?q?gr=C3=B6?= =?utf-8?q?=C3=9Fe=2Ezip?="', "größe"),
        ('name="file"; filename="100%25 cats*.zip"', "100%25 cats*"),
        ('name="file"; filename="it\'s; filename*=UTF-8\'\'b.zip"', "it's; filename*=UTF-8''b"),
    ],
)
def test_the_name_of_a_file_in_every_form(api: httpx.Client, disposition: str, name: str) -> None:
    made = api.post("/v1/datasets", content=form(disposition, DATA), headers=FORM)
    assert (made.status_code, made.json().get("name")) == (201, name), made.text


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"form-data",
        b"form-data; name=f; filename*=",
        b"form-data; name=f; filename*='",
        b"form-data; name=f; filename*=undefined''a",
        b"form-data; name=f; filename*=idna''%ff.a",
        b"form-data; name=f; filename*1=a",
        b"form-data; name=f; filename*x*=a",
        b"form-data; name=f; filename*0*=%ff%zz; filename*99999999999999999999=b",
        b'form-data; name=f; filename="=?hex?q?=?="',
        b'form-data; name=f; filename="=?utf-8?B?/?="',
        b"\xff\x00; filename*=\xff",
    ],
)
def test_no_header_raises(header: bytes) -> None:
    parsed = parse_disposition(header)
    assert isinstance(parsed.field, str)
    assert isinstance(parsed.filename, str | None)


@pytest.mark.parametrize("preamble", [b"\r\n", b"This is a multi-part message.\r\n", b"--other\r\n\r\nx --edge\r\n"])
def test_a_preamble_and_an_epilogue_are_left_out(api: httpx.Client, service: Service, preamble: bytes) -> None:
    body = form('name="file"; filename="a.zip"', DATA, preamble=preamble, epilogue=b"and more\r\n--edge--\r\n")

    def byte_by_byte():  # type: ignore[no-untyped-def]
        yield from (body[at : at + 7] for at in range(0, len(body), 7))

    for content in (body, byte_by_byte()):
        made = api.post("/v1/datasets", content=content, headers=FORM)
        assert made.status_code == 201, made.text
        assert service.files.load(f"datasets/{made.json()['id']}/upload") == DATA


def test_what_is_not_supported_is_refused_by_name(api: httpx.Client, service: Service) -> None:
    disposition = 'name="file"; filename="a.zip"'
    encoded = form(disposition, base64.b64encode(DATA), headers="Content-Transfer-Encoding: base64\r\n")
    assert_problem(api.post("/v1/datasets", content=encoded, headers=FORM), 415, "not encoded as base64")
    plain = form(disposition, DATA, headers="Content-Transfer-Encoding: Binary\r\n")
    assert api.post("/v1/datasets", content=plain, headers=FORM).status_code == 201
    packed = FORM | {"Content-Encoding": "gzip"}
    assert_problem(api.post("/v1/datasets", content=plain, headers=packed), 415, "Content-Encoding")
    long = form(disposition, DATA, preamble=b"x" * 100_000 + b"\r\n")
    assert_problem(api.post("/v1/datasets", content=long, headers=FORM), 400, "begin with the boundary")
    assert service.unfinished_uploads() == []


def test_relative_names_of_images_by_filename_star(api: httpx.Client, service: Service) -> None:
    parts = b"".join(
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; name=files; filename*=UTF-8''{name}\r\n\r\n".encode()
        + png()
        + b"\r\n"
        for name in ("k%C3%A4tzchen/0.png", "hunde/0.png")
    )
    made = api.post("/v1/datasets", content=parts + f"--{BOUNDARY}--".encode(), headers=FORM)
    assert made.status_code == 201, made.text
    assert "kätzchen/0.png".encode() in service.files.load(f"datasets/{made.json()['id']}/upload")
