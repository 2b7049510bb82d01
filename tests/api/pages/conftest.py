"""What the tests of the pages share."""

import httpx
import pytest

from tests.api.conftest import Service, upload_dataset


@pytest.fixture
def dataset_path(api: httpx.Client, service: Service) -> str:
    """The path of a dataset that is ready."""
    dataset = upload_dataset(api)
    service.make_ready(dataset["id"])
    return f"/datasets/{dataset['id']}"
