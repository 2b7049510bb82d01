"""What a file holds decides: images of any name are protected; what cannot be is listed and never delivered."""

import base64
import gzip
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from core.ingest.content import content_of, holds_image
from core.ingest.dataset import ReadOptions, open_dataset
from core.ingest.inspection import inspect_upload
from tests.support.uploads import encoded, image_file, pixels, write_folder, write_tar, write_zip

PHOTO = image_file("JPEG", seed=1)
PPM = b"P6\n# made by hand\n8 8\n255\n" + pixels(8, 8).tobytes()
VIDEO = b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + bytes(100)
SVG = "an SVG drawing"
ODD_NAMES = [
    "cat/IMG_7",
    "cat/a.jpg_large",
    "cat/photo.",
    "cat/b.jpg~",
    "cat/c.jpg.1",
    "cat/d.psd",
    "cat/e.txt",
    "cat/f.mp4",
]


@pytest.mark.parametrize("make", [write_zip, write_tar, write_folder])
def test_images_are_found_whatever_their_name(tmp_path: Path, make) -> None:  # type: ignore[no-untyped-def]
    files = dict.fromkeys(ODD_NAMES, PHOTO) | {"dog/x.ppm": PPM, "dog/png.jpg": image_file("PNG"), "dog/y": PPM}
    source = make(tmp_path / "a", files)
    assert inspect_upload(source).images == len(files)
    dataset = open_dataset(source, tmp_path / "s")
    assert len(dataset.images) == len(files)
    assert {image.path: image.format for image in dataset.images if image.path.startswith("dog")} == {
        "dog/x.ppm": "PPM",
        "dog/y": "PPM",
        "dog/png.jpg": "PNG",
    }
    assert dataset.skipped == ()


@pytest.mark.parametrize("pass_through", ["labels", "all", "none"])
def test_images_that_cannot_be_protected_are_listed_and_never_delivered(tmp_path: Path, pass_through: str) -> None:
    raw = io.BytesIO()
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[254], tags[50706] = 1, b"\1\4\0\0"
    Image.fromarray(pixels(32, 24)).save(raw, "TIFF", tiffinfo=tags)
    files = {
        "a/1.jpg": PHOTO,
        "b/1.jpg": PHOTO,
        "a/drawing": b"<?xml version='1.0'?><svg xmlns='x'/>",
        "a/design": b"8BPS\0\1" + bytes(40),
        "a/raw.NEF": b"MM\0*" + bytes(60),
        "a/raw": b"II*\0\x10\0\0\0CR\2\0" + bytes(60),
        "a/raw.tif": raw.getvalue(),
        "a/new.jxl": b"\xff\x0a" + bytes(60),
        "a/moving.gif": encoded_animation(),
        "a/half": image_file("PNG", 100, 100)[:900],
        "a/icon": b"\0\0\1\0\1\0\x10\x10\0\0\1\0" + bytes(40),
    }
    dataset = open_dataset(
        write_zip(tmp_path / "a.zip", files), tmp_path / "s", options=ReadOptions(pass_through=pass_through)
    )
    reasons = {file.path: file.reason for file in dataset.skipped}
    assert [image.path for image in dataset.images] == ["a/1.jpg", "b/1.jpg"]
    assert dataset.passthrough == ()
    assert set(reasons) == set(files) - {"a/1.jpg", "b/1.jpg"}
    expected = {"drawing": "SVG", "design": "Photoshop", "raw.NEF": "RAW", "raw": "RAW", "raw.tif": "RAW"}
    expected |= {"new.jxl": "JPEG XL", "moving.gif": "animated", "half": "truncated", "icon": "icon"}
    for name, word in expected.items():
        assert word in reasons[f"a/{name}"], reasons


def encoded_animation() -> bytes:
    """An animated GIF of two frames."""
    out = io.BytesIO()
    frames = [Image.fromarray(pixels(seed=seed)) for seed in (1, 2)]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    return out.getvalue()


def test_what_is_no_image_is_kept_only_if_it_is_understood_or_asked_for(tmp_path: Path) -> None:
    files = {
        "images/1.jpg": PHOTO,
        "images/2.jpg": PHOTO,
        "images/3.jpg": PHOTO,
        "labels.csv": b"file,label\n1.jpg,a\n2.jpg,b\n3.jpg,a\n",
        "readme.txt": b"hello",
        "clip.MOV": VIDEO,
        "clip.txt": VIDEO,
        "page.html": b"<!doctype html><html></html>",
        "1.xmp": b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>",
        "table.xlsx": b"PK\3\4" + bytes(30),
        "other.json": b"{}",
        "notes": b"hello",
    }
    expected = {"labels": {"labels.csv", "readme.txt"}, "none": set(), "all": {n for n in files if n[:2] != "im"}}
    for choice, delivered in expected.items():
        options = ReadOptions(pass_through=choice)
        dataset = open_dataset(write_zip(tmp_path / choice, files), tmp_path / f"{choice}s", options=options)
        kinds = {file.path: file.kind for file in dataset.passthrough}
        reasons = {file.path: file.reason for file in dataset.skipped}
        assert set(kinds) == delivered
        assert set(reasons) == expected["all"] - delivered
        if choice == "all":
            assert (kinds["clip.MOV"], kinds["labels.csv"]) == ("a video", "a file of labels")
        if choice == "labels":
            assert "a video" in reasons["clip.txt"]
    assert ReadOptions().pass_through == "labels"


@pytest.mark.parametrize("choice", ["labels", "all"])
def test_a_text_with_an_image_written_in_it_is_never_delivered(tmp_path: Path, choice: str) -> None:
    written = base64.b64encode(PHOTO).decode()
    coco = json.dumps({"images": [{"id": 1, "file_name": "1.jpg", "imageData": written}], "annotations": []})
    files = {
        "a/1.jpg": PHOTO,
        "b/2.jpg": PHOTO,
        "coco.json": coco.encode(),
        "x.txt": f"see {written}".encode(),
        "wide.txt": written.encode("utf-16"),
        "hex.txt": PHOTO.hex().encode(),
        "page.txt": b"<img src='data:image/webp;base64,AAAA'>",
    }
    dataset = open_dataset(write_zip(tmp_path / "a", files), tmp_path / "s", options=ReadOptions(pass_through=choice))
    assert dataset.passthrough == ()
    assert {file.path for file in dataset.skipped if "image written in it" in file.reason} == set(files) - {
        "a/1.jpg",
        "b/2.jpg",
    }


def test_every_format_that_can_be_read_is_recognized_by_its_content() -> None:
    for format in ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF", "PPM"):
        data = encoded(Image.fromarray(pixels()), format)
        assert content_of("x", data[:4096]).use == "image", format
        assert not holds_image(data)
    assert content_of("x", encoded(Image.fromarray(np.zeros((9, 9), bool)), "PPM")).use == "image"


@pytest.mark.parametrize(
    ("path", "head", "what"),
    [
        ("x", b"P1 is the first of all", "text"),
        ("x", b"BM is no image", "text"),
        ("x.txt", b"MZ, a name", "text"),
        ("x.txt", b"Write <svg> and <html> so.", "text"),
        ("x", b"<!doctype html><html><svg></svg></html>", "a web page"),
        (
            "x",
            b"<?xml version='1.0'?>\n<!-- a -->\n<!DOCTYPE svg PUBLIC '-//W3C' [ <!ENTITY a 'b'> ]>\n<svg:svg >",
            SVG,
        ),
        ("x", b"\xef\xbb\xbf <svg/>".replace(b"/", b" /"), SVG),
        ("x", gzip.compress(b"x", mtime=0), "an archive"),
        ("x", b"", "an empty file"),
        ("x.tga", bytes(40), "a TGA image"),
        ("x.bin", bytes(40), "a file of an unknown kind"),
    ],
)
def test_other_contents(path: str, head: bytes, what: str) -> None:
    assert content_of(path, head).what == what


@pytest.mark.timeout(20)
@pytest.mark.parametrize("part", [b"<!-- -->", b"<!--", b"<? ?>", b"<!doctype svg []>", b"\n", b"P1 #\n", b"P1 "])
def test_no_text_takes_long_to_look_at(part: bytes) -> None:
    assert content_of("x", (part * 4096)[:4096]).use == "other"
