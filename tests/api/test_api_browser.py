"""The API browser at /docs: Swagger UI from this service's own files, under its content security policy."""

import re

import httpx

from tests.api.conftest import Service


def test_everyone_can_read_it(service: Service, api: httpx.Client) -> None:
    for client in (service.client(), api):
        answer = client.get("/docs")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert 'data-openapi="/v1/openapi.json"' in answer.text
    assert "Sign in" in service.client().get("/docs").text


def test_it_loads_nothing_from_outside_and_has_no_inline_script(service: Service) -> None:
    client = service.client()
    page = client.get("/docs").text
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert "/docs/assets/swagger-ui-bundle.js" in addresses
    for address in addresses:
        assert address.startswith(("/", "#")), address
    for script in re.findall(r"<script[^>]*>", page):
        assert "src=" in script, script
    for address in addresses:
        if address.endswith((".js", ".css")):
            answer = client.get(address)
            assert answer.status_code == 200, address
            assert answer.headers["content-type"].startswith(("text/javascript", "text/css")), address


def test_the_files_are_those_of_the_package_alone(service: Service) -> None:
    for path in ("/docs/assets/../main.py", "/docs/assets/%2e%2e/main.py", "/docs/assets/"):
        assert service.client().get(path).status_code == 404, path
