"""A list of problems that stays short, however many there are."""

from core.ingest.labels.label_file import LabelProblem

MAX_PROBLEMS_OF_A_KIND = 20


class ProblemList:
    """Collects what is wrong in one label file: the first problems of each kind, and how many more there are.

    Args:
        path: The path of the label file.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._listed: list[LabelProblem] = []
        self._counts: dict[str, int] = {}

    def add(self, kind: str, line: int | None, problem: str) -> None:
        """Add a problem.

        Args:
            kind: What problems of its kind are called in the sentence that counts the rest, such as "lines are empty".
            line: Its line; None if it is not known.
            problem: A sentence for the user.
        """
        self._counts[kind] = self._counts.get(kind, 0) + 1
        if self._counts[kind] <= MAX_PROBLEMS_OF_A_KIND:
            self._listed.append(LabelProblem(self._path, line, problem))

    def finish(self) -> tuple[LabelProblem, ...]:
        """All problems that were kept, and a sentence for each kind of which some were not."""
        more = [
            LabelProblem(self._path, None, f"{count - MAX_PROBLEMS_OF_A_KIND:,} more: {kind}.")
            for kind, count in self._counts.items()
            if count > MAX_PROBLEMS_OF_A_KIND
        ]
        return (*self._listed, *more)
