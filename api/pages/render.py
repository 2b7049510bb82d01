"""Templates to answers: one environment, what every page needs, and the page for errors."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from api.pages import labels
from api.problems import Problem, title_of
from store.models import User

_HERE = Path(__file__).parent.parent

TITLES = {
    401: "Please sign in",
    403: "This is not allowed",
    404: "There is nothing here",
    409: "This cannot be done now",
    500: "Something went wrong",
    503: "Not available right now",
}


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": labels.number,
        "count": labels.count,
        "bytes": labels.size,
        "duration": labels.duration,
        "moment": labels.moment,
    }
    environment.globals |= {
        "version": version("unteachable"),
        "dataset_states": labels.DATASET_STATES,
        "job_states": labels.JOB_STATES,
        "job_lines": labels.JOB_LINES,
        "does": labels.DOES,
        "does_not": labels.DOES_NOT,
    }
    return environment


_TEMPLATES = _environment()


def page(template: str, *, user: User | None, here: str = "", status: int = 200, **context: Any) -> HTMLResponse:
    """One page. It is never stored by the browser: it shows what one person owns."""
    html = _TEMPLATES.get_template(template).render(user=user, here=here, **context)
    return HTMLResponse(html, status_code=status, headers={"Cache-Control": "no-store"})


def error_page(request: Request, problem: Problem) -> Response:
    """What went wrong, for people; who is not signed in is sent to where that is done."""
    if problem.status == 401:
        return RedirectResponse("/sign-in", status_code=303)
    return page(
        "error.html",
        user=None,
        status=problem.status,
        title=TITLES.get(problem.status, title_of(problem.status)),
        code=problem.status,
        detail=problem.detail,
        request_id=getattr(request.state, "request_id", None) if problem.status >= 500 else None,
    )
