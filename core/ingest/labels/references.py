"""The references of one label file, resolved one by one: what they mean, and those that mean nothing."""

from core.filenames import printable
from core.ingest.labels.image_index import ImageIndex
from core.ingest.labels.problem_list import ProblemList

MISSING, AMBIGUOUS = "names of images that are not in the upload", "names that fit several images"


class References:
    """Resolves the references of one label file.

    Args:
        index: The images of the upload.
        path: The path of the label file.
        problems: Takes the references that mean no image, or several.
    """

    def __init__(self, index: ImageIndex, path: str, problems: ProblemList) -> None:
        self._index, self._path, self._problems = index, path, problems
        self.images: dict[str, str] = {}
        self.missing = 0

    def resolve(self, reference: str, line: int | None) -> str | None:
        """The path of the image that is meant; None, with a problem, if there is none.

        Args:
            reference: What the file says.
            line: Where it says it.
        """
        known = self.images.get(reference)
        if known is not None:
            return known
        match = self._index.find(reference, self._path)
        if match.path is not None:
            self.images[reference] = match.path
            return match.path
        self.missing += 1
        name = printable(reference)
        if match.ambiguous:
            self._problems.add(AMBIGUOUS, line, f"“{name}” fits several images; write their folder in front.")
        else:
            self._problems.add(MISSING, line, f"It names “{name}”, which is not in the upload.")
        return None
