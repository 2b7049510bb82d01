"""Names of folders: those of albums, and those of classes."""

import pytest

from core.ingest.album_names import is_album_name, is_device_name


@pytest.mark.parametrize(
    "name",
    [
        "2024", "2024-05", "2024-05-12", "20240512", "2024_05_12 Lisbon", "12.05.2024", "May 2024", "05 - May",
        "2024 May", "Photos from 2023", "DCIM", "100APPLE", "101_PANA", "202405__", "Camera", "Camera Roll", "Fotos",
        "Screenshots", "Instagram", "Downloads", "My Pictures", "WhatsApp Images", "part1", "images_002", "New folder",
    ],
)  # fmt: skip
def test_names_of_albums(name: str) -> None:
    assert is_album_name(name)


@pytest.mark.parametrize(
    "name",
    ["cat", "0", "9", "n02084071", "airplane", "3012", "20991399", "Mayflower", "camera lens", "set", "1999-13"],
)  # fmt: skip
def test_names_of_classes(name: str) -> None:
    assert not is_album_name(name)


def test_device_names_are_those_that_cameras_and_phones_give() -> None:
    assert is_device_name("DCIM")
    assert is_device_name("100CANON")
    assert not is_device_name("2024-05-12")
