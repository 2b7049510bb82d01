"""The HTML pages. The server renders them from the same rows as the REST interface."""

from pathlib import Path

from fastapi import FastAPI, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from api.pages import dataset, generators, home, images, job, render, sessions, sign_in, tokens, workers


class _RevalidatedStaticFiles(StaticFiles):
    """Static files that browsers revalidate at each request, so that a page and its scripts have the same version."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response


def install(app: FastAPI) -> None:
    """Add the pages, their static files and the error page to an app.

    Args:
        app: The app, which uses `state.error_page` to answer browsers with an error.
    """
    static = _RevalidatedStaticFiles(
        directory=Path(__file__).parent.parent / "static", packages=[("core.reports", "scripts")]
    )
    app.mount("/static", static, name="static")
    for module in (home, dataset, images, generators, job, tokens, sessions, workers, sign_in):
        app.include_router(module.router, include_in_schema=False)
    app.state.error_page = render.render_error_page
