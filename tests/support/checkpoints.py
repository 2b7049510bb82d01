"""A shelf for tests: what one run leaves on it, the next one finds."""


class Memory:
    """A shelf in memory."""

    def __init__(self) -> None:
        self.pieces: dict[str, bytes] = {}

    def load(self, name: str) -> bytes | None:
        return self.pieces.get(name)

    def save(self, name: str, data: bytes) -> None:
        self.pieces[name] = data

    def delete(self, name: str) -> None:
        self.pieces.pop(name, None)
