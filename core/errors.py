"""Every exception that the science raises on purpose, in one tree.

    UnteachableError
    ├── BadInput            an upload, or a file in it, cannot be used as a whole
    │   ├── UploadTooLarge  it exceeds a limit
    │   └── NotAnArchive    it is no archive of a kind that can be read
    ├── SpecError           a job asks for something that cannot be done; holds one FieldError for each wrong field
    ├── ImageRefused        one image cannot be decoded or encoded; the others can
    ├── SandboxTooWeak      this machine isolates the decoders less than a setting demands
    ├── SandboxError        a sandbox process has ended, does not answer, or breaks the protocol
    └── Cancelled           the work must stop

The user can correct BadInput and SpecError, so their messages are shown to the user unchanged. Imports nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass


class UnteachableError(Exception):
    """The base of every exception in this module."""


class BadInput(UnteachableError, ValueError):
    """An upload that cannot be used as a whole.

    Args:
        reason: One sentence for the user: what is wrong and what to do.
        path: The file inside the upload that is wrong, if it is a single one.
    """

    def __init__(self, reason: str, path: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path


class UploadTooLarge(BadInput):
    """An upload that exceeds a limit of `core.limits.Limits`."""


class NotAnArchive(BadInput):
    """A file that is no archive of a kind that can be read."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of a request: `message` continues the field's name and says what to do."""

    field: str
    message: str


class SpecError(UnteachableError, ValueError):
    """A spec that asks for something that cannot be done.

    Args:
        errors: One entry for each field that is wrong, at least one.
    """

    def __init__(self, errors: Sequence[FieldError]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(f"{e.field}: {e.message}" for e in errors))


class ImageRefused(UnteachableError):
    """One image that cannot be used; the message is the reason, for the user. Raised inside the sandbox only."""


class SandboxTooWeak(UnteachableError):
    """This machine does not isolate the processes that decode images as far as a setting demands.

    Args:
        level: The level that is demanded.
        reached: The level that is reached, and what it consists of.
    """

    def __init__(self, level: str, reached: str) -> None:
        super().__init__(
            f"UNTEACHABLE_SANDBOX_LEVEL={level} is more than this machine reaches ({reached}): allow what is missing, "
            "or set a lower level"
        )


class SandboxError(UnteachableError):
    """A sandbox process that has ended (`gone`), does not answer (`silent`) or breaks the protocol (`invalid`)."""


class Cancelled(UnteachableError):
    """The work must stop. The progress callback raises it; nothing in core catches it, and it is no BadInput."""
