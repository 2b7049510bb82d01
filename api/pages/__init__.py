"""The pages for people: drawn by the server from the same rows that the REST interface shows."""

from pathlib import Path

from fastapi import FastAPI, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from api.pages import dataset, generators, home, job, render, sign_in, tokens


class _Static(StaticFiles):
    """Browsers ask each time whether a file changed, so that a page and its scripts are never of two versions."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response


def install(app: FastAPI) -> None:
    """Add the pages, their files, and the page for errors."""
    app.mount("/static", _Static(directory=Path(__file__).parent.parent / "static"), name="static")
    for room in (home, dataset, generators, job, tokens, sign_in):
        app.include_router(room.router, include_in_schema=False)
    app.state.error_page = render.error_page
