"""Checkpoints in memory, which one run of a test saves and the next one loads."""


class MemoryCheckpointStore:
    """A `core.runtime.checkpoints.CheckpointStore` in memory; `saved` has the data of each checkpoint by name."""

    def __init__(self) -> None:
        self.saved: dict[str, bytes] = {}

    def load(self, name: str) -> bytes | None:
        return self.saved.get(name)

    def save(self, name: str, data: bytes) -> None:
        self.saved[name] = data

    def delete(self, name: str) -> None:
        self.saved.pop(name, None)
