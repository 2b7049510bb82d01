"""What a `User-Agent` header says in words: 'Firefox on Linux'."""

import re

# The first match counts: browsers name their ancestors too, so Edge also says Chrome, and Chrome also says Safari.
_BROWSERS = (
    (r"Edg(e|A|iOS)?/", "Edge"),
    (r"OPR/|Opera", "Opera"),
    (r"SamsungBrowser/", "Samsung Internet"),
    (r"Firefox/|FxiOS/", "Firefox"),
    (r"Chrome/|CriOS/|Chromium/", "Chrome"),
    (r"Safari/", "Safari"),
    (r"curl/", "curl"),
    (r"python-httpx/|python-requests/|Python-urllib/", "a Python program"),
)
_SYSTEMS = (
    (r"iPhone", "an iPhone"),
    (r"iPad", "an iPad"),
    (r"Android", "Android"),
    (r"CrOS", "ChromeOS"),
    (r"Windows", "Windows"),
    (r"Macintosh|Mac OS X", "macOS"),
    (r"Linux|X11", "Linux"),
)
UNKNOWN = "An unknown browser"


def browser_name(user_agent: str) -> str:
    """Name the browser and the system of a `User-Agent` header.

    Args:
        user_agent: The header as it was sent.
    """
    browser, system = (_first_match(user_agent, known) for known in (_BROWSERS, _SYSTEMS))
    name = browser or UNKNOWN
    name = name[0].upper() + name[1:] if browser != "curl" else name
    return f"{name} on {system}" if system else name


def _first_match(text: str, known: tuple[tuple[str, str], ...]) -> str | None:
    return next((name for pattern, name in known if re.search(pattern, text)), None)
