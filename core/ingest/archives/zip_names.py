"""The names of a zip's entries, whose encoding many zips do not state: one decision for the whole archive.

PKWARE APPNOTE 6.3, sections 4.4.4 (the flag for UTF-8) and 4.6.9 (Info-ZIP's Unicode path). A name without either is in
the code page of the computer that packed it.
"""

import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from charset_normalizer import from_bytes

from core.filenames import printable

UTF8_FLAG = 0x800
UNICODE_PATH = 0x7075  # id of the extra field
STANDARD = "cp437"  # the zip's own encoding, which has a character for each byte, so that no byte is lost
CANDIDATES = {
    "cp437": "code page 437", "cp850": "code page 850", "cp852": "code page 852", "cp866": "code page 866",
    "cp1251": "Windows-1251", "cp1252": "Windows-1252", "gb18030": "GB 18030", "big5": "Big5", "cp932": "Shift JIS",
    "cp949": "code page 949",
}  # fmt: skip
SAMPLE_BYTES = 1 << 16  # of names by which the encoding is found
CLEAR_LEAD = 0.05  # by how much the best text must be less chaotic than another one
_PUNCTUATION = frozenset("、。・「」『』（）［］【】〜～！？，：；－—–·’№°§“”…々ー")


@dataclass(frozen=True, slots=True)
class EntryNames:
    """The name of each entry in order, and what is worth knowing of their encoding, as a sentence; None if nothing."""

    names: tuple[str, ...]
    note: str | None = None


def read_names(entries: Sequence[zipfile.ZipInfo]) -> EntryNames:
    """The names of all entries of a zip.

    Args:
        entries: The entries as zipfile reads them.
    """
    stored = [(_bytes_of(entry), _stated_name(entry)) for entry in entries]
    unknown = sorted({raw for raw, name in stored if name is None})
    if not unknown:
        return EntryNames(tuple(str(name) for _, name in stored))
    unmarked = (one for one, entry in zip(stored, entries, strict=True) if not entry.flag_bits & UTF8_FLAG)
    known = {raw: name for raw, name in unmarked if name is not None and not raw.isascii()}
    encoding = _encoding_of(unknown, known)
    names = tuple(raw.decode(encoding or STANDARD) if name is None else name for raw, name in stored)
    return EntryNames(names, None if encoding == "utf-8" else _note(unknown[0], encoding))


def _bytes_of(entry: zipfile.ZipInfo) -> bytes:
    return entry.orig_filename.encode("utf-8" if entry.flag_bits & UTF8_FLAG else STANDARD)


def _stated_name(entry: zipfile.ZipInfo) -> str | None:
    """The name of an entry that says how it is encoded; None if it does not."""
    if entry.flag_bits & UTF8_FLAG:
        return entry.orig_filename
    return _unicode_path(entry) or (entry.orig_filename if entry.orig_filename.isascii() else None)


def _unicode_path(entry: zipfile.ZipInfo) -> str | None:
    """The name in the extra field, unless the entry was renamed afterwards, as the checksum of its old name tells."""
    extra = entry.extra
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind != UNICODE_PATH or len(field) <= 5 or field[0] != 1:
            continue
        if int.from_bytes(field[1:5], "little") == zlib.crc32(_bytes_of(entry)):
            try:
                return field[5:].decode()
            except UnicodeDecodeError:
                return None
    return None


def _encoding_of(names: Sequence[bytes], known: Mapping[bytes, str]) -> str | None:
    """The encoding of all names; None where several fit.

    Args:
        names: The names.
        known: What some of them mean.
    """
    if all(_decoded(name, "utf-8") is not None for name in names):
        return "utf-8"
    sample = b"\n".join(_sample(names))
    texts = {encoding: _decoded(sample, encoding) for encoding in CANDIDATES}
    fitting = {
        encoding: text
        for encoding, text in texts.items()
        if text is not None
        and _is_plausible(text)
        and all(_decoded(name, encoding) is not None for name in names)
        and all(_decoded(raw, encoding) == name for raw, name in known.items())
    }
    if not fitting:
        return None
    found = from_bytes(sample, cp_isolation=[*fitting], threshold=1.0, enable_fallback=False)
    ranked = sorted((match.chaos, match.encoding) for match in found if match.encoding in fitting)
    if not ranked:
        return None
    chaos, best = ranked[0]
    others = [other for other, encoding in ranked if fitting[encoding] != fitting[best]]
    return best if not others or others[0] - chaos >= CLEAR_LEAD else None


def _decoded(name: bytes, encoding: str) -> str | None:
    try:
        return name.decode(encoding)
    except UnicodeDecodeError:
        return None


def _sample(names: Iterable[bytes]) -> list[bytes]:
    sample: list[bytes] = []
    size = 0
    for name in names:
        size += len(name)
        if sample and size > SAMPLE_BYTES:
            break
        sample.append(name)
    return sample


def _is_plausible(text: str) -> bool:
    """Whether people write names so: in letters and digits, not in signs, frames and halves of characters."""
    return all(
        character.isascii()
        or character in _PUNCTUATION
        or (
            unicodedata.category(character) in ("Lu", "Ll", "Lt", "Lo", "Mn", "Mc", "Nd", "Nl", "Zs")
            and not _is_half(character)
        )
        for character in set(text)
    )


def _is_half(character: str) -> bool:
    return "\uff61" <= character <= "\uff9f"  # half-width katakana, which nearly every sequence of bytes decodes to


def _note(name: bytes, encoding: str | None) -> str:
    example = printable(name.decode(encoding or STANDARD))
    if encoding is not None:
        read = CANDIDATES[encoding]
        return f"The zip does not say how its names are encoded. They were read as {read}, such as “{example}”."
    return (
        "The zip does not say how its names are encoded, and several encodings fit. So the bytes were kept and are "
        f"shown in the zip's own {CANDIDATES[STANDARD]}, such as “{example}”. If names look wrong, pack them as UTF-8."
    )
