"""An object store that answers some requests with an error, as S3 does under load."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import obstore
import pytest
from obstore.exceptions import GenericError

FailingStore = Callable[[str], AbstractContextManager[list[str]]]


def make_failing_store(monkeypatch: pytest.MonkeyPatch) -> FailingStore:
    """`with make_failing_store(monkeypatch)(PART) as refused:` listing, moving or deleting names with it fails."""

    @contextmanager
    def failing_store(part: str) -> Iterator[list[str]]:
        refused: list[str] = []

        def failing(real: Any) -> Any:
            def call(store: Any, name: str | list[str], *more: Any) -> Any:
                hit = [one for one in ([name] if isinstance(name, str) else name) if part in one]
                if hit:
                    refused.extend(hit)
                    raise GenericError(f"{hit[0]}: 503 Slow Down")
                return real(store, name, *more)

            return call

        with monkeypatch.context() as patched:
            for verb in ("list", "delete", "rename"):
                patched.setattr(obstore, verb, failing(getattr(obstore, verb)))
            yield refused

    return failing_store
