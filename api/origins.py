"""Which hosts and origins are this service's own: for the `Host` header, the origin check, and links in answers."""

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import Problem, respond
from store.addresses import Origin, is_loopback
from store.settings import Settings

_FOREIGN = "This request does not come from a page of this service."
_BEHIND_PROXY = "Behind a proxy the service must know its address: its operator sets UNTEACHABLE_PUBLIC_URL."


class HostCheck:
    """ASGI middleware that refuses requests to unknown hosts.

    A page of another site can give its own name this machine's address (DNS rebinding), and a link that is built on
    an invented host leads its reader there.

    Args:
        app: The application that it wraps.
        settings: The service's settings.
    """

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self.app = app
        self.hosts = settings.service_address.hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and not self._is_allowed(Headers(scope=scope).getlist("host")):
            await respond(_unknown_host(Headers(scope=scope).get("host", "")), Request(scope))(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _is_allowed(self, named: list[str]) -> bool:
        origin = Origin.of("http", named[0]) if len(named) == 1 else None
        return origin is not None and origin.host in self.hosts


def own_origin(request: Request, settings: Settings) -> Origin | None:
    """The origin that a browser sees in the address of a request whose host was checked.

    Args:
        request: The request.
        settings: The service's settings. Where the public URL names the host, its scheme and port count, because a
            proxy may pass on others.
    """
    scheme = "https" if settings.secure_cookies else request.url.scheme
    seen = Origin.of(scheme, request.headers.get("host", ""))
    public = settings.service_address.public
    if public is not None and (seen is None or (seen.host == public.origin.host and not is_loopback(seen.host))):
        return public.origin
    return seen


def require_same_origin(request: Request, settings: Settings) -> None:
    """Refuse a request that no page of this service sent, by what the browser states (Sec-Fetch-Site and Origin).

    One of the headers must be there, and none may contradict: scheme, host and port of `Origin` are those of this
    request or of the public URL.

    Args:
        request: A request whose host was checked.
        settings: The service's settings.

    Raises:
        Problem: 403 if the request comes from elsewhere, or from nowhere.
    """
    site, named = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site not in (None, "same-origin") or (site is None and named is None):
        raise Problem(403, _FOREIGN, kind="cross-origin")
    if named is None:
        return
    public = settings.service_address.public
    own = {own_origin(request, settings), None if public is None else public.origin}
    origin = Origin.parse(named)
    if origin is None or origin not in own:
        raise Problem(403, _FOREIGN if site is None else f"{_FOREIGN} {_BEHIND_PROXY}", kind="cross-origin")


def outward_url(request: Request, settings: Settings) -> str:
    """The URL of the service for a link in an answer, without a slash at the end: the public URL, else the request's.

    Args:
        request: A request whose host was checked.
        settings: The service's settings.
    """
    return settings.public_url or str(own_origin(request, settings) or settings.address)


def _unknown_host(host: str) -> Problem:
    origin = Origin.of("http", host)
    if origin is None:
        return Problem(400, "The request names no valid host.", kind="unknown-host")
    detail = (
        f"This service does not answer to the host {origin.host}. Its operator can allow it: set "
        f"UNTEACHABLE_PUBLIC_URL to the whole address that browsers use, or add {origin.host} to "
        "UNTEACHABLE_ALLOWED_HOSTS, and start the service again."
    )
    return Problem(400, detail, kind="unknown-host")
