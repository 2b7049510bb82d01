"""The start page: the drop zone, and what one has."""

from fastapi import APIRouter, Response

from api.dependencies import Context, CurrentUser, Db
from api.pages import listing
from api.pages.render import page
from store import models as m

router = APIRouter()

MOST = 50


@router.get("/")
def show(user: CurrentUser, db: Db, context: Context) -> Response:
    """The newest datasets and jobs; refreshed by the page for as long as something is under way."""
    datasets, jobs = listing.newest(db, user, most=MOST)
    busy = any(d.state in (m.UPLOADING, m.CHECKING) for d in datasets) or any(j.state not in m.FINAL for j in jobs)
    return page(
        "home.html",
        user=user,
        here="home",
        datasets=[listing.values(d, thumbs=listing.thumbs(d)) for d in datasets],
        jobs=listing.job_cards(db, jobs),
        more_datasets=len(datasets) == MOST,
        busy=busy,
        limit_bytes=context.settings.max_upload_bytes,
    )
