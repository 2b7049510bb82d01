"""Hosts, origins and public URLs as browsers and settings write them; the hosts that a service answers to."""

import pytest
from pydantic import ValidationError

from store.addresses import Origin, PublicUrl, normalize_host
from store.settings import Settings


def make(**values: object) -> Settings:
    return Settings(_env_file=None, **values)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("Example.ORG", "example.org"),
        ("example.org.", "example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("[0:0::1]", "::1"),
        ("::1", "::1"),
        ("192.168.1.7", "192.168.1.7"),
        ("my_machine", "my_machine"),
        ("", None),
        ("a b", None),
        ("a/b", None),
        ("evil@localhost", None),
        ("http://localhost", None),
        ("[localhost", None),
        ("a..b", None),
        ("a" * 300, None),
    ],
)
def test_a_host_is_normalized_or_refused(text: str, host: str | None) -> None:
    assert normalize_host(text) == host


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("http://a.example", "http://a.example:80", True),
        ("https://A.example", "https://a.example:443", True),
        ("http://[::1]:8000", "http://[0::1]:8000", True),
        ("http://a.example", "https://a.example", False),
        ("http://a.example:80", "http://a.example:8080", False),
        ("http://a.example", "http://b.example", False),
    ],
)
def test_origins_are_compared_as_a_whole(first: str, second: str, *, same: bool) -> None:
    assert Origin.parse(first) is not None
    assert (Origin.parse(first) == Origin.parse(second)) is same


@pytest.mark.parametrize(
    "text", ["null", "", "a.example", "file://", "http://", "http://a:b", "http://a:99999", "http://a/b", "http://u@a"]
)
def test_what_is_no_origin(text: str) -> None:
    assert Origin.parse(text) is None


@pytest.mark.parametrize(
    ("text", "url", "path"),
    [
        ("https://Example.org/", "https://example.org", ""),
        ("https://example.org:443/a/b/", "https://example.org/a/b", "/a/b"),
        ("http://[::1]:9000/x", "http://[::1]:9000/x", "/x"),
    ],
)
def test_a_public_url_is_read(text: str, url: str, path: str) -> None:
    assert (str(PublicUrl.parse(text)), PublicUrl.parse(text).path) == (url, path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("example.org", "no address such as"),
        ("ftp://example.org", "no address such as"),
        ("https://", "no address such as"),
        ("https://user@example.org", "no address such as"),
        ("https://example.org:x", "no address such as"),
        ("https://[::1", "no address such as"),
        ("https://example.org?a=b", "may have a path"),
        ("https://example.org/a b", "may have a path"),
        ("https://example.org/../x", "may have a path"),
        ('https://example.org/"onload=', "may have a path"),
        ("https://example.org/jobs", "cannot begin with /jobs"),
        ("https://example.org/v1/x", "cannot begin with /v1"),
    ],
)
def test_a_public_url_that_cannot_work_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        make(public_url=text)


@pytest.mark.parametrize("hosts", ["http://a.example", "a.example:8000", "a b", "*"])
def test_an_allowed_host_is_a_host(hosts: str) -> None:
    with pytest.raises(ValidationError, match="no name and no address of a host"):
        make(allowed_hosts=hosts)


def test_the_hosts_that_a_service_answers_to() -> None:
    own = {"localhost", "127.0.0.1", "::1"}
    assert make().service_address.hosts == own
    assert make(host="192.168.1.7").service_address.hosts == own | {"192.168.1.7"}
    assert make(host="0.0.0.0").service_address.hosts == own
    settings = make(host="::", public_url="https://Pics.example/x", allowed_hosts="a.example, [fd00::7]")
    assert settings.service_address.hosts == own | {"pics.example", "a.example", "fd00::7"}


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("::1", "http://[::1]:8000"),
        ("[::1]", "http://[::1]:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("my-machine", "http://my-machine:8000"),
    ],
)
def test_the_printed_address_can_be_opened(host: str, address: str) -> None:
    assert make(host=host).address == address


@pytest.mark.parametrize(
    ("values", "only_here"),
    [
        ({"host": "127.0.0.1"}, False),
        ({"host": "0.0.0.0"}, True),
        ({"host": "::"}, True),
        ({"host": "0.0.0.0", "public_url": "http://192.168.1.7:8000"}, False),
        ({"host": "0.0.0.0", "allowed_hosts": "my-machine"}, False),
    ],
)
def test_a_service_that_nobody_else_can_use_is_told(values: dict[str, str], *, only_here: bool) -> None:
    assert make(**values).service_address.answers_only_here is only_here
