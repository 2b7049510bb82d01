"""Tables, JSON lines and lists: which columns mean what, and every wrong line is named with its file and number."""

import json
from pathlib import Path

import pytest

from core.ingest.class_layout import ImagePlacement
from core.ingest.labels import text_file
from tests.support.label_uploads import images, labels_of, layout_of, problems_of

FOUR = images(*(f"{n}.jpg" for n in range(4)))
EXPECTED = {"0.jpg": "cat", "1.jpg": "dog", "2.jpg": "cat", "3.jpg": "dog"}


def rows(line: str, *, head: str = "", count: int = 4) -> str:
    return head + "".join(line.format(n=n, c=("cat", "dog")[n % 2], k=n % 2) + "\n" for n in range(count))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metadata.csv", rows("{n}.jpg,{c},a photo", head="file_name,label,text\n")),
        ("train.csv", rows("{n},{c}", head="id,breed\n")),
        ("train.csv", rows("{c},{n}", head="category_name,Image ID\n")),
        ("list.csv", rows('"{n}.jpg";"{c}"', head="photo;what is on it\n")),
        ("labels.tsv", rows("{c}\t./{n}.jpg", head="Class\tfile path\n")),
        ("labels.csv", rows("{n}.jpg,{c}")),
        ("labels.csv", rows("C:\\data\\images\\{n}.jpg,{c}", head="path,label\n")),
        ("boxes.csv", rows("{n}.jpg,10,{c},0,0,5,5", head="filename,width,class,xmin,ymin,xmax,ymax\n")),
        ("data.csv", rows("\n{n}.jpg,{c}", head="\nimage,label\n")),
        ("labels.txt", rows("{n}.jpg {c}")),
        ("labels.txt", rows("images/{n}.jpg\t{c}\t0\t0\t64\t64")),
        ("metadata.jsonl", rows('{{"file_name": "{n}.jpg", "label": "{c}"}}')),
        ("metadata.jsonl", rows('{{"file_name": "{n}.jpg", "objects": {{"categories": ["{c}"], "bbox": [[0]]}}}}')),
    ],
)  # fmt: skip
def test_the_columns_of_the_image_and_its_class_are_found(tmp_path: Path, name: str, text: str) -> None:
    layout = layout_of(tmp_path, FOUR | {name: text})
    assert layout.reading.kind == "labels"
    assert labels_of(layout) == EXPECTED
    assert problems_of(layout) == []


def test_columns_of_0_and_1_are_classes(tmp_path: Path) -> None:
    table = "image,cat,dog\n0,1.0,0.0\n1,0.0,1.0\n2,1,0\n3,1,1\n"
    layout = layout_of(tmp_path, FOUR | {"truth.csv": table})
    assert labels_of(layout) == {**EXPECTED, "3.jpg": "cat"}
    assert any("1 of 4 images have several labels" in note for note in layout.reading.notes)


def test_the_split_is_read_from_a_column_or_the_name_of_the_file(tmp_path: Path) -> None:
    table = rows("{n}.jpg,{c},{k}", head="file,label,split\n").replace(",0\n", ",train\n").replace(",1\n", ",val\n")
    assert layout_of(tmp_path / "a", FOUR | {"all.csv": table}).placements["1.jpg"] == ImagePlacement("dog", "test")
    files = FOUR | {"train.txt": "0.jpg 0\n1.jpg 1\n", "val.txt": "2.jpg 0\n3.jpg 1\n"}
    placements = layout_of(tmp_path / "b", files).placements
    assert [placements[f"{n}.jpg"].split for n in range(4)] == ["train", "train", "test", "test"]


def test_the_sample_of_a_submission_gives_no_labels(tmp_path: Path) -> None:
    files = images(*(f"train/{n}.jpg" for n in range(4)), *(f"test/{n}.jpg" for n in range(8, 10)))
    table, sample = rows("{n},{c}", head="id,label\n"), "id,label\n8,cat\n9,cat\n"
    layout = layout_of(tmp_path, files | {"train.csv": table, "sample_submission.csv": sample})
    assert [labels_of(layout)[f"test/{n}.jpg"] for n in (8, 9)] == ["(no label)"] * 2
    assert problems_of(layout) == []


def test_one_name_in_several_folders_is_told_apart_by_the_folder_or_the_name_of_the_table(tmp_path: Path) -> None:
    files = images(*(f"{split}/{n}.jpg" for split in ("train", "test") for n in range(2)))
    tables = {"train.csv": "id,label\n0,cat\n1,dog\n", "test.csv": "id,label\n0,dog\n1,cat\n"}
    assert labels_of(layout_of(tmp_path, files | tables)) == {
        "train/0.jpg": "cat", "train/1.jpg": "dog", "test/0.jpg": "dog", "test/1.jpg": "cat",
    }  # fmt: skip


def test_each_wrong_line_is_a_problem_with_its_number_and_nothing_is_lost(tmp_path: Path) -> None:
    table = "file,label\n0.jpg,cat\n1.jpg,dog\n9.jpg,cat\n2.jpg\n1.jpg,cat\n0.jpg,cat\n"
    layout = layout_of(tmp_path, FOUR | {"labels.csv": table})
    assert [(line, text.split(";")[0].split(",")[0]) for _, line, text in problems_of(layout)] == [
        (4, "It names “9.jpg”"),
        (5, "It has 1 cells"),
        (6, "It labels “1.jpg” as “cat”"),
        (7, "It labels “0.jpg” again"),
    ]
    assert labels_of(layout) == {"0.jpg": "cat", "1.jpg": "dog", "2.jpg": "(no label)", "3.jpg": "(no label)"}


def test_a_name_that_fits_several_images_is_a_problem(tmp_path: Path) -> None:
    files = images("a/0.jpg", "b/0.jpg", "a/1.jpg", "b/2.jpg") | {
        "labels.csv": "file,label\n0.jpg,x\n1.jpg,y\n2.jpg,x\n"
    }
    layout = layout_of(tmp_path, files, "labels")
    assert [(line, text) for _, line, text in problems_of(layout)] == [
        (2, "“0.jpg” fits several images; write their folder in front.")
    ]


def test_many_problems_of_a_kind_are_counted(tmp_path: Path) -> None:
    table = rows("{n}.jpg,{c}", head="file,label\n", count=1000)
    problems = problems_of(layout_of(tmp_path, FOUR | {"labels.csv": table}, "labels"))
    assert len(problems) == 21
    assert {text for _, line, text in problems if line is None} == {
        "976 more: names of images that are not in the upload."
    }


def test_a_quotation_mark_that_is_not_closed_is_a_problem(tmp_path: Path) -> None:
    table = rows("{n}.jpg,{c}", head="file,label\n") + '"' + "x" * 140_000
    layout = layout_of(tmp_path, FOUR | {"labels.csv": table})
    assert labels_of(layout) == EXPECTED
    assert "quotation mark" in problems_of(layout)[0][2]


def test_a_quoted_cell_may_follow_a_space(tmp_path: Path) -> None:
    table = rows('"{n}.jpg", "{c}, big"', head='"file", "label"\n')
    layout = layout_of(tmp_path, FOUR | {"labels.csv": table})
    assert labels_of(layout) == {image: f"{label}, big" for image, label in EXPECTED.items()}
    assert problems_of(layout) == []


def test_the_number_of_further_problems_follows_them(tmp_path: Path) -> None:
    table = rows("{n}.jpg,{c}", head="file,label\n", count=100)
    lines = [line for _, line, _ in problems_of(layout_of(tmp_path, FOUR | {"labels.csv": table}, "labels"))]
    assert lines.index(None) == len(lines) - 1


def test_broken_json_lines_are_problems(tmp_path: Path) -> None:
    lines = rows('{{"file_name": "{n}.jpg", "label": "{c}"}}').splitlines()
    text = "\n".join([*lines[:2], "{broken", '["no object"]', '{"file_name": 7}', "[" * 100_000, *lines[2:]])
    layout = layout_of(tmp_path, FOUR | {"metadata.jsonl": text})
    assert labels_of(layout) == EXPECTED
    assert [line for _, line, _ in problems_of(layout)] == [3, 4, 5, 6]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_other_encodings_are_read_and_a_guess_is_a_problem(tmp_path: Path, encoding: str) -> None:
    table = rows("{n}.jpg,{c}", head="file,label\n").replace("dog", "chien à poil").encode(encoding)
    layout = layout_of(tmp_path, FOUR | {"labels.csv": table})
    assert labels_of(layout)["1.jpg"] == "chien à poil"
    problems = [text for *_, text in problems_of(layout)]
    assert [("not valid UTF-8 (first in line 3)" in text) for text in problems] == [True] * (encoding == "cp1252")


def test_a_file_over_the_limit_is_not_read_and_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_file, "MAX_LABEL_FILE_BYTES", 100)
    layout = layout_of(tmp_path, FOUR | {"labels.csv": rows("{n}.jpg,{c}", head="file,label\n", count=50)})
    assert layout.reading.kind == "album"
    assert "label files are read up to 100 bytes" in problems_of(layout)[0][2]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.txt", "a short text, with 0.jpg in it\nand more\n"),
        ("table.csv", "a,b\n1,2\n3,4\n"),
        ("random.csv", b"\0\1\2\xff" * 100),
        ("sidecar.json", json.dumps({"title": "0.jpg", "geoData": {"latitude": 1}})),
        ("empty.csv", ""),
        ("model.jsonl", '{"a": 1}\n'),
    ],
)
def test_other_files_are_no_label_files(tmp_path: Path, name: str, content: bytes | str) -> None:
    layout = layout_of(tmp_path, FOUR | {name: content})
    assert layout.reading.kind == "album"
    assert layout.label_files == () or name == "random.csv"


def test_labels_become_names_in_one_line(tmp_path: Path) -> None:
    table = 'file,label\n0.jpg," a\tb\n c"\n1.jpg,1.5\n2.jpg,nan\n3.jpg,' + "x" * 500 + "\n"
    labels = labels_of(layout_of(tmp_path, FOUR | {"labels.csv": table}, "labels"))
    assert labels == {"0.jpg": "a b c", "1.jpg": "1.5", "2.jpg": "(no label)", "3.jpg": "x" * 200}
