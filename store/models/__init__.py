"""The tables, by what they are about. Everyone else imports them from here: `from store import models as m`."""

from store.models.base import Base, UtcDateTime, new_id
from store.models.datasets import CHECKING, READY, REJECTED, UPLOADING, Dataset, Upload, UploadPart
from store.models.generators import Generator
from store.models.jobs import (
    CANCELED,
    CHECK,
    FAILED,
    FINAL,
    INTERNAL,
    PREVIEW,
    PROTECT,
    QUEUED,
    RUNNING,
    SUCCEEDED,
    TRAIN,
    TRIAL,
    VERIFY,
    Job,
    Piece,
)
from store.models.service import Counter, Deletion, Deployment, IdempotencyKey, Maintenance, Worker
from store.models.users import BrowserSession, SignInLink, Token, User

__all__ = [
    "CANCELED",
    "CHECK",
    "CHECKING",
    "FAILED",
    "FINAL",
    "INTERNAL",
    "PREVIEW",
    "PROTECT",
    "QUEUED",
    "READY",
    "REJECTED",
    "RUNNING",
    "SUCCEEDED",
    "TRAIN",
    "TRIAL",
    "UPLOADING",
    "VERIFY",
    "Base",
    "BrowserSession",
    "Counter",
    "Dataset",
    "Deletion",
    "Deployment",
    "Generator",
    "IdempotencyKey",
    "Job",
    "Maintenance",
    "Piece",
    "SignInLink",
    "Token",
    "Upload",
    "UploadPart",
    "User",
    "UtcDateTime",
    "Worker",
    "new_id",
]
