"""The API browser at /docs: Swagger UI, served from the installed package `fastapi_swagger` without any outside host.

FastAPI's own page contains an inline script, which the content security policy forbids, and loads files from a CDN.
"""

from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.staticfiles import StaticFiles

from api import auth
from api.dependencies import Context
from api.pages.render import render_page
from api.problems import Problem

PATH = "/docs"
router = APIRouter(include_in_schema=False)


@router.get(PATH)
def show(request: Request, context: Context) -> Response:
    """The page. Everyone can read it; a user who is signed in can try operations with the session."""
    try:
        user = auth.authenticate(request, context)
    except Problem:
        user = None
    return render_page("api_browser.html", user=user, openapi_url=request.app.openapi_url)


def install(app: FastAPI) -> None:
    """Add the page, and the files of Swagger UI that it loads."""
    app.mount(f"{PATH}/assets", StaticFiles(directory=_asset_dir()), name="api-browser-assets")
    app.include_router(router)


def _asset_dir() -> Path:
    return Path(str(files("fastapi_swagger"))) / "resources"
