"""Folder names that people, cameras and phones give to albums: dates, devices, apps, numbered parts. None is a class.

Camera folders follow DCF (JEITA CP-3461): DCIM, and in it 100APPLE, 101_PANA and so on.
"""

import re

_MONTHS = (
    "jan|january|januar|feb|february|februar|mar|march|märz|apr|april|may|mai|jun|june|juni|jul|july|juli|aug|august|"
    "sep|sept|september|oct|october|okt|oktober|nov|november|dec|december|dez|dezember"
)
_YEAR, _SEPARATOR, _REST = r"(?:19|20)\d\d", r"[-_. ]?", r"(?:[-_., ].*)?"
_DATES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        _YEAR,
        rf"{_YEAR}{_SEPARATOR}(?:0[1-9]|1[0-2])(?:{_SEPARATOR}(?:0[1-9]|[12]\d|3[01]))?{_REST}",  # 2024-05-12 Lisbon
        rf"(?:0?[1-9]|[12]\d|3[01])[-_. ](?:0?[1-9]|1[0-2])[-_. ]{_YEAR}{_REST}",  # 12.05.2024
        rf"(?:\d\d?[-_. ]+)?(?:{_MONTHS})(?:[-_., ]+(?:\d\d?[-_., ]+)?{_YEAR})?{_REST}",  # 05 - May, May 2024
        rf"{_YEAR}[-_. ]+(?:{_MONTHS}){_REST}",
        rf".*\b(?:from|of|vom|von|aus|de) {_YEAR}",  # Photos from 2024
    )
)
_DEVICES = re.compile(
    r"dcim|[1-9]\d\d[a-z_][a-z0-9_]{4}|\d{6}__|camera( roll| uploads)?|opencamera|screenshots?|screen recordings?|"
    r"(whatsapp|telegram|signal|viber|instagram|facebook|messenger|snapchat|twitter|tiktok|wechat|line)\b.*|weixin",
    re.IGNORECASE,
)
_GENERAL = re.compile(
    r"(my |saved |new |all )?(photos?|pictures?|images?|imgs?|albums?|gallery|bilder|fotos?)|downloads?|favou?rites|"
    r"recents?|selfies|bursts?|panoramas?|sent|received|private|edited|exports?|originals?|untitled.*|"
    r"(new|neuer) (folder|ordner).*|"
    r"(part|batch|chunk|shard|folder|set|dump|export|photos?|pictures?|images?|img)[-_ ]?\d+",
    re.IGNORECASE,
)


def is_device_name(folder: str) -> bool:
    """Whether a camera, a phone or a messenger gives this name to a folder, such as DCIM or WhatsApp Images."""
    return _DEVICES.fullmatch(folder) is not None


def is_album_name(folder: str) -> bool:
    """Whether the name of a folder is that of an album rather than of a class: a date, a device, a numbered part.

    Args:
        folder: The name of one folder, without slashes.
    """
    return is_device_name(folder) or _GENERAL.fullmatch(folder) is not None or any(d.fullmatch(folder) for d in _DATES)
