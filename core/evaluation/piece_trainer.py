"""What a helper does: it trains one learner of an evaluation that another process owns, from the checkpoints alone."""

import json

from core.evaluation.evidence_data import EvidenceData
from core.evaluation.learner import LearnerData, load_learners
from core.evaluation.learner_run import load_curve, measure_curve
from core.evaluation.verification_learner_data import VerificationLearnerData
from core.runtime.checkpoints import CheckpointStore
from core.runtime.context import RunContext

KINDS = {kind.KIND: kind for kind in (EvidenceData, VerificationLearnerData)}


class PieceTrainer:
    """Trains learners of one computation; its images are loaded once."""

    def __init__(self) -> None:
        self._data: LearnerData | None = None

    def train(self, name: str, run: RunContext) -> None:
        """Train a learner, and save its curve in the checkpoints.

        Args:
            name: The learner.
            run: Its checkpoints are those of the computation; training continues from them.

        Raises:
            KeyError: The owner has withdrawn the learner.
        """
        if load_curve(run, name) is not None:
            return
        learner = load_learners(run.checkpoints)[name]
        if self._data is None:
            self._data = load_data(run.checkpoints)
        images, test = self._data.training_images(learner.choice), self._data.test_images(learner.choice)
        measure_curve(learner.config, images, test, run, name=name, keep=learner.is_kept)


def load_data(checkpoints: CheckpointStore) -> LearnerData:
    """The images that the owner of a computation saved.

    Args:
        checkpoints: Where they are.

    Raises:
        KeyError: They are not there.
    """
    for name, kind in KINDS.items():
        about = checkpoints.load(f"{name}.json")
        if about is not None:
            data: LearnerData = kind.load(checkpoints, json.loads(about))
            return data
    raise KeyError("images")
