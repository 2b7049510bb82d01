"""Label files in the archive name the delivered images, and stay byte for byte in everything else."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from core.archive.noise_source import NoiseArrays
from core.archive.write_images import ArchiveSettings
from core.archive.writer import write_archive
from core.ingest.dataset import ReadOptions, open_dataset
from tests.support.uploads import image_file, write_zip

IMAGES = {f"images/{n}.jpg": image_file("JPEG", seed=n) for n in range(3)} | {"images/3.png": image_file(seed=3)}


def delivered(
    tmp_path: Path, files: Mapping[str, bytes | str], options: ReadOptions | None = None
) -> tuple[dict[str, bytes], dict[str, dict[str, object]], list[str]]:
    """The files of the archive, the manifest's record of each, and the paths of the skipped files."""
    encoded = {name: data.encode() if isinstance(data, str) else data for name, data in files.items()}
    source = write_zip(tmp_path / "a.zip", IMAGES | encoded)
    dataset = open_dataset(source, tmp_path / "s", options=options or ReadOptions())
    noise = NoiseArrays(np.zeros((len(dataset.images), dataset.channels, 32, 32), np.int8))
    with write_archive(dataset, noise, tmp_path / "out.zip", ArchiveSettings(radius=8, format="png")):
        pass
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(content.pop("MANIFEST.json"))
    assert manifest["renamed"] == [{"path": r.path, "was": r.was, "reason": r.reason} for r in dataset.renamed]
    return content, {one["path"]: one for one in manifest["files"]}, [one["path"] for one in manifest["skipped"]]


def test_a_table_names_the_delivered_images(tmp_path: Path) -> None:
    table = (
        'file_name,label,text\r\n"images/0.jpg",cat,"a ""cat"", here"\r\n1.jpg,dog,\r\n\r\n3.png,dog,0.jpg\r\n9.jpg,x,'
    )
    content, records, _ = delivered(tmp_path, {"metadata.csv": table})
    assert content["metadata.csv"].decode() == (
        'file_name,label,text\r\n"images/0.png",cat,"a ""cat"", here"\r\n1.png,dog,\r\n\r\n3.png,dog,0.jpg\r\n9.jpg,x,'
    )
    assert records["metadata.csv"]["renamed"] == 2
    assert records["metadata.csv"]["bytes"] == len(content["metadata.csv"])


def test_the_other_cells_of_a_changed_row_stay_as_they_are_written(tmp_path: Path) -> None:
    table = (
        '"file" , "label","text"\n "images/0.jpg",  "a, b","1, 2"\n1.jpg, dog ,"x"\n'
        '"3.png", "c ""d""",\n2.jpg,cat," a\nb "\n'
    )
    content, records, _ = delivered(tmp_path, {"metadata.csv": table})
    assert content["metadata.csv"].decode() == table.replace(".jpg", ".png")
    assert records["metadata.csv"]["renamed"] == 3


def test_a_table_of_names_alone_is_delivered(tmp_path: Path) -> None:
    content, records, skipped = delivered(tmp_path, {"test.csv": "id\n0.jpg\n2.jpg\n", "prose.csv": "A line.\nTwo.\n"})
    assert content["test.csv"].decode() == "id\n0.png\n2.png\n"
    assert records["test.csv"]["renamed"] == 2
    assert skipped == ["prose.csv"]


def test_ids_stay_and_so_does_a_table_in_which_nothing_changes(tmp_path: Path) -> None:
    table = "id,label\n0,cat\n1,dog\n2,cat\n"
    content, records, _ = delivered(tmp_path, {"train.csv": table})
    assert content["train.csv"].decode() == table
    assert "renamed" not in records["train.csv"]


def test_an_image_that_gets_a_longer_name_keeps_its_label(tmp_path: Path) -> None:
    beside = {"images/0.png": image_file(seed=9)}
    content, records, _ = delivered(
        tmp_path, beside | {"list.txt": "images/0.jpg cat\nimages/0.png dog\n./images/1.jpg cat"}
    )
    assert records["images/0.jpg.png"]["was"] == "images/0.jpg"
    assert content["list.txt"].decode() == "images/0.jpg.png cat\nimages/0.png dog\n./images/1.png cat"


def test_json_lines_and_coco_change_in_the_names_of_images_alone(tmp_path: Path) -> None:
    lines = (
        '{"file_name":"images\\/0.jpg", "label": "cat", "x": 1.50, "text": "1.jpg"}\n{broken\n{"file_name": "é.jpg"}\n'
    )
    images = [{"id": n, "file_name": f"{n}.jpg"} for n in range(3)]
    coco = json.dumps({"images": images, "annotations": [{"image_id": 0, "area": 1e3}], "info": "0.jpg"}, indent=3)
    content, _, _ = delivered(tmp_path, {"a/metadata.jsonl": lines, "coco.json": coco})
    assert content["a/metadata.jsonl"].decode() == lines.replace("images\\/0.jpg", "images/0.png")
    assert content["coco.json"].decode() == coco.replace('.jpg",\n', '.png",\n').replace(
        '.jpg"\n      }', '.png"\n      }'
    )
    assert [one["file_name"] for one in json.loads(content["coco.json"])["images"]] == ["0.png", "1.png", "2.png"]


def test_further_columns_and_keys_that_name_images_change_too(tmp_path: Path) -> None:
    header = "file_name,mask_file_name,note,label\n"
    table = f"{header}0.jpg,images/1.jpg,0.jpg,cat\n1.jpg,2.jpg,see 1.jpg,dog\n2.jpg,0.jpg,,cat\n"
    pairs = "0.jpg\t1.jpg\t1\n2.jpg\t1.jpg\t0\n"
    lines = (
        '{"file_name": "0.jpg", "others_file_names": ["1.jpg", "images/2.jpg"], "label": "cat", "text": "1.jpg"}\n'
        '{"file_name": "1.jpg", "others_file_names": [], "label": "dog"}\n'
    )
    images = [
        {"id": n, "file_name": f"{n}.jpg", "path": f"D:\\d\\{n}.jpg", "url": f"http://x.y/{n}.jpg"} for n in range(3)
    ]
    coco = {"images": images, "annotations": [], "info": "0.jpg"}
    content, records, _ = delivered(
        tmp_path, {"metadata.csv": table, "pairs.csv": pairs, "m.jsonl": lines, "coco.json": json.dumps(coco)}
    )
    assert content["metadata.csv"].decode() == (
        f"{header}0.png,images/1.png,0.jpg,cat\n1.png,2.png,see 1.jpg,dog\n2.png,0.png,,cat\n"
    )
    assert records["metadata.csv"]["renamed"] == 6
    assert content["pairs.csv"].decode() == pairs.replace(".jpg", ".png")
    assert content["m.jsonl"].decode() == lines.replace(".jpg", ".png").replace('"text": "1.png"', '"text": "1.jpg"')
    found = json.loads(content["coco.json"])
    assert found["images"][1] == {"id": 1, "file_name": "1.png", "path": "D:\\d\\1.png", "url": "http://x.y/1.jpg"}
    assert found["info"] == "0.jpg"


def test_other_texts_name_the_delivered_images(tmp_path: Path) -> None:
    files = {
        "captions.txt": "0.jpg#0\tA cat as in 1.jpg.\nimages/2.jpg#1\tSee http://x.y/0.jpg and 9.jpg and e.g. v1.2\n",
        "0.xml": "<annotation><folder>images</folder><filename>0.jpg</filename></annotation>",
        "map.json": '{"images/0.jpg": "cat", "1.jpg": "dog"}',
    }
    content, records, _ = delivered(tmp_path, files, ReadOptions(pass_through="all"))
    assert content["captions.txt"].decode() == (
        "0.png#0\tA cat as in 1.png.\nimages/2.png#1\tSee http://x.y/0.jpg and 9.jpg and e.g. v1.2\n"
    )
    assert records["captions.txt"]["renamed"] == 3
    assert content["0.xml"].decode() == files["0.xml"].replace(".jpg", ".png")
    assert content["map.json"].decode() == files["map.json"].replace(".jpg", ".png")


def test_names_that_changed_on_the_way_in_change_in_texts_too(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {
        "CON/aux.jpg": image_file("JPEG", seed=4),
        "CON/b.jpg": image_file("JPEG", seed=5),
        "CON/metadata.csv": "file_name,label\naux.jpg,cat\nb.jpg,dog\n",
        "all.csv": "path,label\n.\\CON\\aux.jpg,cat\n/data/CON/b.jpg,dog\n",
        "list.txt": "CON/aux.jpg 0\nCON/b.jpg 1\nimages/0.jpg 1\n",
    }
    content, records, _ = delivered(tmp_path, files)
    assert content["CON_/metadata.csv"].decode() == "file_name,label\naux_.png,cat\nb.png,dog\n"
    assert content["all.csv"].decode() == "path,label\n.\\CON_\\aux_.png,cat\n/data/CON_/b.png,dog\n"
    assert content["list.txt"].decode() == "CON_/aux_.png 0\nCON_/b.png 1\nimages/0.png 1\n"
    assert records["CON_/aux_.png"]["was"] == "CON_/aux_.jpg"


def test_the_encoding_stays(tmp_path: Path) -> None:
    table = "file;label\n0.jpg;Häschen\n1.jpg;Kätzchen\n"
    for name, encoding in (("a", "utf-16"), ("b", "utf-8-sig"), ("c", "cp1252")):
        (tmp_path / name).mkdir()
        content, _, _ = delivered(tmp_path / name, {"labels.csv": table.encode(encoding)})
        assert content["labels.csv"].decode(encoding) == table.replace(".jpg", ".png")


def test_pass_through_decides_on_the_files_that_are_no_images(tmp_path: Path) -> None:
    files = {
        "labels.csv": "file,label\n0.jpg,a\n1.jpg,b\n",
        "notes.md": "hello",
        "notes.txt": "hi",
        "clip.mp4": b"\0\0",
    }
    expected = {"all": {*files}, "labels": {"labels.csv", "notes.txt"}, "none": set()}
    for choice, retained in expected.items():
        (tmp_path / choice).mkdir()
        content, _, skipped = delivered(tmp_path / choice, files, ReadOptions(pass_through=choice))
        assert {*content} - {f"images/{n}.png" for n in range(4)} == retained
        assert {*skipped} == {*files} - retained
