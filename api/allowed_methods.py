"""The `Allow` header of a 405: every method that the routes of an address take (RFC 9110, section 15.5.6)."""

from fastapi import Request
from starlette.routing import Match, Mount

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_STATIC_METHODS = frozenset({"GET", "HEAD"})  # a mounted app matches every method; the mounted apps serve files


def allowed_methods(request: Request) -> list[str]:
    """The methods that some route of the request's path takes.

    Starlette answers 405 from the first route of the path, and names the methods of this route alone.

    Args:
        request: The request that was answered 405.

    Returns:
        The methods, in a fixed order.
    """
    root_path = request.scope.get("app_root_path", request.scope.get("root_path", ""))
    return [method for method in _METHODS if _is_allowed(request, method, root_path)]


def _is_allowed(request: Request, method: str, root_path: str) -> bool:
    scope = {**request.scope, "method": method, "root_path": root_path}
    for route in request.app.router.routes:
        if route.matches(scope)[0] == Match.FULL:
            return not isinstance(route, Mount) or method in _STATIC_METHODS
    return False
