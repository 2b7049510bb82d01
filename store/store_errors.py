"""What went wrong with the object store: whether a later try may help, and what a person may read about it.

The text of an error is for the log: it may name addresses and folders. `in_words` is for everybody.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from obstore.exceptions import BaseError, PermissionDeniedError, PreconditionError, UnauthenticatedError

from store.tally import tally

MAX_TEXT = 500  # characters of an answer of the store that go into the log
RETRIED_STATUSES = (408, 425, 429)  # besides 5xx
METADATA_SERVICE = "169.254."  # where a machine asks for the keys of its role

_STATUS = re.compile(r"(?:status code|status):? (\d{3})\b")
_OS_ERROR = re.compile(r"os error (\d+)")


class StoreError(OSError):
    """The object store cannot be read or written. `errno` is the system's error number where there is one."""

    in_words = "its files cannot be read or written"
    """What happened, without an address or a folder, as the end of a sentence."""

    def __str__(self) -> str:
        return self.strerror or super().__str__()


class StoreUnavailable(StoreError):
    """The object store does not answer, or answers that it cannot now. A later try may succeed."""

    in_words = "its storage cannot be reached"


class StoreRefused(StoreError):
    """The object store answers, and will not do it before an operator changes something.

    Args:
        text: what the log says.
        in_words: what everybody may read, as the end of a sentence.
    """

    def __init__(self, text: str, in_words: str) -> None:
        super().__init__(None, text)
        self.in_words = in_words


@contextmanager
def store_errors(key: str, *, is_remote: bool, writes: bool = False) -> Iterator[None]:
    """Turn the errors of the backend into those of this module; FileNotFoundError means that there is no such object.

    Args:
        key: the object, or the prefix, that the block works on.
        is_remote: whether the store is a server: an error without a status then means that it does not answer.
        writes: whether the block writes. Nothing can be missing then but the bucket.
    """
    try:
        yield
    except StoreError:
        raise
    except FileNotFoundError as error:
        if is_remote and (writes or "NoSuchBucket" in str(error)):
            raise _counted(missing_bucket(key)) from error
        raise
    except (BaseError, OSError) as error:
        raise _counted(classify(error, key, is_remote=is_remote)) from error


def _counted(error: StoreError) -> StoreError:
    reasons = {StoreUnavailable: "unavailable", StoreRefused: "refused"}
    tally.add("store_errors", reasons.get(type(error), "failed"))
    return error


def missing_bucket(key: str) -> StoreRefused:
    """The error of a bucket that does not exist, met at a key."""
    return StoreRefused(
        f"{key}: the bucket of UNTEACHABLE_STORE_URL does not exist", "the bucket of its storage does not exist"
    )


def classify(error: Exception, key: str, *, is_remote: bool) -> StoreError:
    """Return the error of this module that an error of the backend means.

    Args:
        error: what the backend raised.
        key: the object that it was about.
        is_remote: whether the backend is a server.
    """
    text = " ".join(str(error).split("\n\nDebug source", 1)[0].split())[:MAX_TEXT]
    if "NoSuchBucket" in text:
        return missing_bucket(key)
    if isinstance(error, PreconditionError):
        return StoreUnavailable(None, f"{key}: the object changed while it was read")
    status = _status_of(text) if is_remote else None
    if is_remote and (isinstance(error, PermissionDeniedError | UnauthenticatedError) or status in (401, 403)):
        return StoreRefused(
            f"{key}: access is refused; the keys of UNTEACHABLE_S3_ACCESS_KEY_ID need the right to read, write, list "
            f"and delete ({text})",
            "its storage refuses access",
        )
    if not is_remote:
        found = _OS_ERROR.search(text)
        code = int(found[1]) if found else getattr(error, "errno", None)
        return StoreError(code, f"{key}: {os.strerror(code) if code else text}")
    if METADATA_SERVICE in text:
        text = f"no keys are set (UNTEACHABLE_S3_ACCESS_KEY_ID), and this machine has no role that has some: {text}"
    if status == 404:
        return missing_bucket(key)  # what is missing in a bucket is a FileNotFoundError
    if "redirect" in text.lower() and status is None:
        return StoreRefused(
            f"{key}: the bucket is elsewhere: check UNTEACHABLE_S3_REGION and UNTEACHABLE_S3_ENDPOINT ({text})",
            "the settings of its storage are wrong",
        )
    if status is not None and status < 500 and status not in RETRIED_STATUSES:
        return StoreRefused(f"{key}: {text}", f"its storage refuses a request ({status})")
    return StoreUnavailable(None, f"{key}: {text}")


def _status_of(text: str) -> int | None:
    found = _STATUS.search(text)
    return int(found[1]) if found else None
