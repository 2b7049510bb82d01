"""An object store that answers some requests with an error, as S3 does under load."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import obstore
import pytest
from obstore.exceptions import GenericError

Away = Callable[[str], AbstractContextManager[list[str]]]


def away_with(monkeypatch: pytest.MonkeyPatch) -> Away:
    """`with away_with(monkeypatch)(PART) as refused:` listing and deleting names with this part fails."""

    @contextmanager
    def part_is_away(part: str) -> Iterator[list[str]]:
        refused: list[str] = []

        def unless_away(real: Any) -> Any:
            def call(store: Any, name: str, *more: Any) -> Any:
                if part in name:
                    refused.append(name)
                    raise GenericError(f"{name}: 503 Slow Down")
                return real(store, name, *more)

            return call

        with monkeypatch.context() as patched:
            for verb in ("list", "delete"):
                patched.setattr(obstore, verb, unless_away(getattr(obstore, verb)))
            yield refused

    return part_is_away
