"""What a user reads when a job fails."""

import errno
import os
from dataclasses import dataclass

from core.errors import BadInput, SpecError
from store.store_errors import StoreRefused, StoreUnavailable
from worker.context import InvalidSetting
from worker.disk_space import DISK_FULL_ERRNOS

NO_SPACE_ERRNOS = (*DISK_FULL_ERRNOS, errno.EFBIG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a job failed.

    Attributes:
        reason: what the user reads: what happened and what to do.
        is_service_fault: False where the user's upload or request is the cause.
    """

    reason: str
    is_service_fault: bool


def describe_failure(error: Exception) -> Failure:
    """Return the failure that an exception of a handler means."""
    if isinstance(error, BadInput):
        return Failure(reason=error.reason, is_service_fault=False)
    if isinstance(error, SpecError):
        return Failure(reason=str(error), is_service_fault=False)
    return Failure(reason=_service_fault(error), is_service_fault=True)


def _service_fault(error: Exception) -> str:
    """What happened, without an address or a folder of this service: those are for its log."""
    if isinstance(error, InvalidSetting):
        return f"This service has an invalid setting, which its operator must correct: {error}"
    if isinstance(error, OSError) and error.errno in NO_SPACE_ERRNOS:
        return "The disk of this service is full. Ask its operator to free space, then try again."
    if isinstance(error, StoreUnavailable):
        return "The storage of this service could not be reached for a long time. Try again later, or ask its operator."
    if isinstance(error, StoreRefused):
        return f"This service cannot go on: {error.in_words}. Ask its operator to correct that, then try again."
    if isinstance(error, OSError) and not isinstance(error, FileNotFoundError | ConnectionError | TimeoutError):
        detail = f" ({os.strerror(error.errno)})" if error.errno else ""
        return f"This service could not read or write its files{detail}. Ask its operator."
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return "The worker ran out of memory. Try fewer or smaller images."
    return f"An error occurred in this service ({type(error).__name__}). Its log has the details."
