"""The start page: the drop zone, and the user's datasets and jobs."""

from fastapi import APIRouter, Response

from api.dependencies import Context, CurrentUser, Db
from api.pages import listing
from api.pages.listing import DatasetCard
from api.pages.render import render_page
from core.specs.protect import NO_LABEL
from store import models as m

router = APIRouter()

_MAX_ROWS = 50


@router.get("/")
def show(user: CurrentUser, db: Db, context: Context) -> Response:
    """Show the newest datasets and jobs. The page refreshes itself while one of them is busy."""
    datasets = listing.newest_datasets(db, user, limit=_MAX_ROWS)
    jobs = listing.newest_jobs(db, user, limit=_MAX_ROWS)
    busy = any(d.state == m.CHECKING for d in datasets) or any(j.state not in m.FINAL for j in jobs)
    return render_page(
        "home.html",
        user=user,
        current="home",
        datasets=[DatasetCard(dataset=d, thumbnails=listing.thumbnails_of(d)) for d in datasets],
        jobs=listing.job_cards(db, jobs),
        more_datasets=len(datasets) == _MAX_ROWS,
        busy=busy,
        no_label=NO_LABEL,
        max_upload_bytes=context.settings.max_upload_bytes,
    )
