"""The zip that zip.js makes of a folder, read by Python."""

import io
import struct
import zipfile
from pathlib import Path

from tests.support.browser import BrowserPage

ZIP_FOLDER = """async (files) => {
    const { zipFolder } = await import("/static/zip.js");
    return zipFolder(files.map(([path, text]) => ({ path, file: new File([text], path) })));
}"""

ZIP_MANY_FILES = """async (count) => {
    const { centralDirectory, localHeader } = await import("/static/zip.js");
    const { crc32 } = await import("/static/crc32.js");
    const parts = [], entries = [];
    let offset = 0;
    for (let n = 0; n < count; n++) {
        const [name, data] = [`${n % 7}/${n}`, String(n)].map((text) => new TextEncoder().encode(text));
        const entry = { name, crc: crc32(data), size: data.length, offset };
        const header = localHeader(entry);
        parts.push(header, data);
        entries.push(entry);
        offset += header.length + data.length;
    }
    return new Blob([...parts, ...centralDirectory(entries, offset)]);
}"""


def test_zip_has_the_names_contents_and_checksums(browser_page: BrowserPage) -> None:
    files = {
        "set/cats/1.txt": "a cat",
        "set/dogs/überraschung ñ 犬 🐕.txt": "un chien",
        "set/dogs/empty.txt": "",
        "set/cats/long.txt": "0123456789" * 300_001,
    }
    zipped = browser_page.bytes_of(ZIP_FOLDER, list(files.items()))
    with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
        assert archive.namelist() == sorted(files)
        assert archive.testzip() is None
        assert {name: archive.read(name).decode() for name in archive.namelist()} == files


def test_same_files_give_the_same_bytes_in_any_order(browser_page: BrowserPage) -> None:
    files = [["a/2", "two"], ["b/1", "one"], ["a/10", "ten"]]
    assert browser_page.bytes_of(ZIP_FOLDER, files) == browser_page.bytes_of(ZIP_FOLDER, files[::-1])


def test_zip64_holds_more_than_65535_files(browser_page: BrowserPage) -> None:
    zipped = browser_page.bytes_of(ZIP_MANY_FILES, 65_600)
    with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
        assert len(archive.namelist()) == 65_600
        assert archive.read("3/65523") == b"65523"


def test_zip64_holds_files_and_offsets_beyond_four_gigabytes(browser_page: BrowserPage, tmp_path: Path) -> None:
    """The central directory names sizes that no test can send, so the zip is a sparse file."""
    start, entries = 11 * 2**30, [("big", 0, 5 * 2**30, 0), ("late", 0x352441C2, 3, 6 * 2**30)]
    script = """async ([start, entries]) => {
        const { centralDirectory, localHeader } = await import("/static/zip.js");
        const bytes = (name) => new TextEncoder().encode(name);
        const named = entries.map(([name, crc, size, offset]) => ({ name: bytes(name), crc, size, offset }));
        const headers = named.map(localHeader);
        const lengths = new Uint32Array(headers.map((header) => header.length));
        return new Blob([lengths, ...headers, ...centralDirectory(named, start)]);
    }"""
    headers = browser_page.bytes_of(script, [start, entries])
    first, second = struct.unpack_from("<2I", headers)
    path = tmp_path / "huge.zip"
    with path.open("wb") as file:
        file.write(headers[8 : 8 + first])
        file.seek(entries[1][3])
        file.write(headers[8 + first : 8 + first + second] + b"abc")
        file.seek(start)
        file.write(headers[8 + first + second :])
    with zipfile.ZipFile(path) as archive:
        big, late = archive.infolist()
        assert (big.filename, big.file_size, big.header_offset) == ("big", 5 * 2**30, 0)
        assert (late.file_size, late.header_offset) == (3, 6 * 2**30)
        assert archive.read("late") == b"abc"
        with archive.open("big") as opened:
            assert opened.read(16) == bytes(16)
