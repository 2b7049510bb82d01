"""Names that harm on other systems are replaced by names that every system takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.portable_names import MAX_PART_BYTES, fold, portable_filename, portable_part


@pytest.mark.parametrize(
    ("part", "portable"),
    [
        ("CON", "CON_"),
        ("aux.png", "aux_.png"),
        ("Com1.tar.gz", "Com1_.tar.gz"),
        ("lpt³.jpg", "lpt³_.jpg"),
        ("nul .txt", "nul_.txt"),
        ("photo.", "photo"),
        ("photo .png ", "photo .png"),
        ("...", "_"),
        (".. ", "_"),
        ("x.png::$DATA", "x.png__$DATA"),
        ('a<b>"c"|d?e*.png', "a_b__c__d_e_.png"),
        ("evil\u202egnp.exe", "evilgnp.exe"),
        ("a\u200bb\ufeffc\u2066d\u200e.png", "abcd.png"),
        ("\u202eCON", "CON_"),
        ("a\x07\x7f\x85.png", "a.png"),
        ("a\u2028b.png", "ab.png"),
        ("\u200b", "_"),
    ],
)
def test_names_that_harm_are_replaced_and_the_reason_is_said(part: str, portable: str) -> None:
    name, reason = portable_part(part)
    assert name == portable
    assert reason


@pytest.mark.parametrize(
    "part",
    [
        "cat.png",
        "猫 1.png",
        "e\u0301.png",
        "می\u200cخواهم.jpg",
        "👩\u200d💻.png",
        ".hidden",
        "console.png",
        "a.b.c",
        "שלום",
    ],
)
def test_other_names_stay(part: str) -> None:
    assert portable_part(part) == (part, None)


def test_a_long_name_is_cut_and_stays_different_from_others() -> None:
    names = {portable_part("猫" * 200 + str(n) + ".jpeg")[0] for n in range(3)}
    assert len(names) == 3
    assert all(len(name.encode()) <= MAX_PART_BYTES and name.endswith(".jpeg") for name in names)


@given(st.text(min_size=1, max_size=300))
def test_a_portable_name_is_portable(part: str) -> None:
    name, _ = portable_part(part)
    assert portable_part(name) == (name, None)
    assert name
    assert not set(name) & set('<>:"|?*\\/\0')
    assert name[-1] not in ". "
    assert len(name.encode()) <= MAX_PART_BYTES


def test_names_that_one_system_takes_for_one_are_equal_when_folded() -> None:
    assert fold("Stra\u00dfe/E\u0301.png") == fold("STRASSE/\u00e9.PNG")
    assert fold("a\u200db") == fold("ab")


def test_the_name_of_a_download_follows_the_same_rule() -> None:
    assert portable_filename("my: cats?-protected.zip") == "my_ cats_-protected.zip"
    assert portable_filename(" \u202e ") == "_"
