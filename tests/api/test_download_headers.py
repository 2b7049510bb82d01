"""What the headers of a download say: the range of its bytes, and the name under which it is saved."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import downloads
from core.portable_names import content_disposition


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 30))
def test_a_range_selects_the_same_bytes_as_a_slice(first: int, last: int, size: int) -> None:
    data = bytes(range(size))
    try:
        found = downloads.parse_range(f"bytes={first}-{last}", size)
    except downloads.RangeNotSatisfiable:
        assert first >= size
        return
    if last < first:
        assert found is None
    else:
        assert found is not None
        assert data[slice(*found)] == data[first : last + 1] != b""


@given(st.text(min_size=1, max_size=60))
def test_any_filename_gives_a_valid_content_disposition(name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        return
    header = content_disposition(name)
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2


@pytest.mark.parametrize(
    ("name", "saved"),
    [
        ("CON", "CON_"),
        ("aux.zip", "aux_.zip"),
        ("ＣＯＮ.zip", "CON_.zip"),
        ("a:b.zip", "a_b.zip"),
        ("x\u202egnp", "xgnp"),
    ],
)
def test_a_download_has_a_name_that_every_system_takes(name: str, saved: str) -> None:
    header = content_disposition(name)
    assert f'filename="{saved}"' in header
    assert "%E2%80%AE" not in header
