"""Where a request comes from: the address for the list of sessions, and whether it is this machine itself."""

from fastapi import Request

from store.addresses import Origin, is_loopback, normalize_host
from store.sessions import Visitor
from store.settings import Settings

_PROXY_HEADERS = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")


def is_this_machine(request: Request, settings: Settings) -> bool:
    """Whether a request surely comes from this machine itself, and not from a proxy on it.

    The connection and the host are this machine's, and no proxy left a header. A proxy may leave none and call this
    machine by its own name, so behind a public URL of another host no request counts.

    Args:
        request: The request.
        settings: The service's settings.
    """
    public = settings.service_address.public
    if public is not None and not is_loopback(public.origin.host):
        return False
    peer = normalize_host(request.client.host) if request.client else None
    named = Origin.of("http", request.headers.get("host", ""))
    hosts_are_own = peer is not None and is_loopback(peer) and named is not None and is_loopback(named.host)
    return hosts_are_own and not any(name in request.headers for name in _PROXY_HEADERS)


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
