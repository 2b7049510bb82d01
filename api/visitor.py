"""Where a request comes from: the address for the list of sessions."""

from fastapi import Request

from store.sessions import Visitor
from store.settings import Settings


def visitor_of(request: Request, settings: Settings) -> Visitor:
    """The address and the browser that a request comes from, as the list of sessions shows them.

    Behind a proxy, where a public URL is set, the address is the one that the proxy added last to `X-Forwarded-For`.
    It is shown to the user and decides nothing, because a client that reaches the service directly can invent it.

    Args:
        request: The request.
        settings: The service's settings.
    """
    peer = request.client.host if request.client else ""
    forwarded = ",".join(request.headers.getlist("x-forwarded-for")).rpartition(",")[2].strip()
    address = forwarded if settings.public_url and forwarded else peer
    return Visitor(address=_printable(address), browser=_printable(request.headers.get("user-agent", "")))


def _printable(text: str) -> str:
    """The text without the characters that a database or a page cannot show."""
    return "".join(character for character in text if character.isprintable())
