"""Renders the templates, including the error page."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from api.pages import formatting, labels
from api.problems import Problem, title_of
from api.public_path import with_public_links
from store.models import User

_TEMPLATE_FOLDER = Path(__file__).parent.parent / "templates"

_ERROR_TITLES = {
    401: "Please sign in",
    403: "This is not allowed",
    404: "This page does not exist",
    409: "This cannot be done now",
    500: "Something went wrong",
    503: "Not available right now",
}


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATE_FOLDER),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": formatting.format_number,
        "count": formatting.format_count,
        "bytes": formatting.format_size,
        "duration": formatting.format_duration,
        "time_tag": formatting.time_tag,
    }
    environment.globals |= {
        "version": version("unteachable"),
        "dataset_states": labels.DATASET_STATES,
        "job_states": labels.JOB_STATES,
        "job_state_sentences": labels.JOB_STATE_SENTENCES,
        "effects": labels.EFFECTS,
        "layout_names": labels.LAYOUT_NAMES,
        "limitations": labels.LIMITATIONS,
    }
    return environment


_TEMPLATES = _environment()


def render_page(
    template: str, *, user: User | None, current: str = "", status: int = 200, **context: Any
) -> HTMLResponse:
    """Render one page. Browsers do not store it, because it shows what belongs to one user.

    Args:
        template: The file name of the template.
        user: The user who is signed in, if any.
        current: The entry of the navigation that is marked: 'home', 'generators', 'tokens' or 'sessions'.
        status: The HTTP status.
        context: The variables of the template.
    """
    html = with_public_links(_TEMPLATES.get_template(template).render(user=user, current=current, **context))
    return HTMLResponse(html, status_code=status, headers={"Cache-Control": "no-store"})


def render_error_page(request: Request, problem: Problem) -> Response:
    """Render an error for a browser; status 401 redirects to the sign-in page.

    Args:
        request: The request that failed.
        problem: The error.
    """
    if problem.status == 401:
        return RedirectResponse("/sign-in", status_code=303)
    return render_page(
        "error.html",
        user=None,
        status=problem.status,
        title=_ERROR_TITLES.get(problem.status, title_of(problem.status)),
        code=problem.status,
        detail=problem.detail,
        request_id=getattr(request.state, "request_id", None) if problem.status >= 500 else None,
    )
