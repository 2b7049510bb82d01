"""`unteachable adopt-store`: says that this database owns the object store, so that files without a use may go."""

from dataclasses import dataclass

from store import deployment, quarantine
from store.deployment import ROOTS, Ownership
from store.settings import Settings
from worker.context import WorkerContext, open_worker_context
from worker.garbage_collector import named_prefixes


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreContents:
    """What this database knows of an object store.

    Attributes:
        ownership: whether it owns the store now.
        known: how many datasets, jobs and generators of the store have a row.
        unknown: how many have none. Their files will be set aside once they are a day old.
        in_quarantine: how many objects in quarantine a row names. They are moved back.
    """

    ownership: Ownership
    known: int
    unknown: int
    in_quarantine: int


class StoreAdoption:
    """One adoption: look first, then adopt.

    Args:
        settings: where the database and the store are.
    """

    def __init__(self, settings: Settings) -> None:
        self._context: WorkerContext = open_worker_context(settings)

    def look(self) -> StoreContents:
        """Compare the store with the database; changes nothing. Raises StoreError where the store cannot be read."""
        context = self._context
        known = unknown = 0
        for root in ROOTS:
            named = named_prefixes(context, root, context.files.folders(root))
            unknown += sum(prefixes is None for prefixes in named.values())
            known += sum(prefixes is not None for prefixes in named.values())
        aside = [key.removeprefix(f"{quarantine.PREFIX}/") for key in context.files.list(quarantine.PREFIX)]
        return StoreContents(
            ownership=deployment.ownership(context.settings, context.database, context.files),
            known=known,
            unknown=unknown,
            in_quarantine=sum(self._is_named(key) for key in aside),
        )

    def adopt(self) -> tuple[str, list[str]]:
        """Adopt the store; return the new id of the deployment, and the keys that came back from quarantine."""
        context = self._context
        id_ = deployment.adopt(context.settings, context.database, context.files)
        return id_, quarantine.restore(context.files, self._is_named)

    def close(self) -> None:
        """Close the connections."""
        self._context.database.dispose()

    def _is_named(self, key: str) -> bool:
        root, _, rest = key.partition("/")
        id_ = rest.partition("/")[0]
        prefixes = named_prefixes(self._context, root, [id_]).get(id_) if root in ROOTS else None
        return prefixes is not None and key.startswith(prefixes)
