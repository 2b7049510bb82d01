"""The learners of one evaluation: their owner trains them from one end, and helpers from the other."""

import time
from collections.abc import Callable, Iterable

from core.evaluation.learner import Learner, LearnerData, save_learners
from core.evaluation.learner_run import ScaledProgress, keep_curve, load_curve, measure_curve
from core.results.evidence import Curve
from core.runtime.context import RunContext

POLL_SECONDS = 0.5  # while a helper trains what is needed next, and nothing is left to train


class LearnerPool:
    """Trains learners, each once, whoever needs its curve.

    A learner whose curve is in the checkpoints is not trained again, whether an earlier attempt or a helper saved it.
    So the curves are the same whatever the number of helpers.

    Args:
        data: The images.
        run: Its checkpoints keep every curve and the unfinished learner; its board offers learners to helpers.
    """

    def __init__(self, data: LearnerData, run: RunContext) -> None:
        self._data, self._run, self._board = data, run, run.pieces
        self._curves: dict[str, Curve] = {}
        self._waiting: dict[str, Learner] = {}  # in the order in which their curves are needed
        self._published: dict[str, Learner] = {}
        self._is_alone = False  # where the images for helpers cannot be saved, as on a full disk

    def add(self, learners: Iterable[Learner]) -> None:
        """Say which curves will be needed, so that helpers can begin.

        Args:
            learners: In the order in which their curves are needed.
        """
        for learner in learners:
            if learner.name not in self._curves:
                self._waiting.setdefault(learner.name, learner)

    def curve(self, learner: Learner, *, check: Callable[[], None] = lambda: None) -> Curve:
        """The curve of a learner. While a helper trains it, others are trained here.

        Args:
            learner: The learner.
            check: Called again and again; what it raises ends the call.
        """
        self.add([learner])
        while learner.name not in self._curves:
            others = [other for other in self._waiting.values() if other.name != learner.name]
            self._publish(others)
            free = next((one for one in (learner, *others) if self._board.take(one.name)), None)
            if free is None:
                self._run.progress.tick()
                check()
                time.sleep(POLL_SECONDS)
            else:
                self._curves[free.name] = self._load_or_train(free, check)
                del self._waiting[free.name]
        return self._curves[learner.name]

    def withdraw(self, learners: Iterable[Learner]) -> None:
        """Say that curves are not needed after all; helpers stop.

        Args:
            learners: Whether their curves are known or not.
        """
        names = [learner.name for learner in learners]
        for name in names:
            self._waiting.pop(name, None)
        if any(name in self._published for name in names):
            self._board.withdraw(names)

    def close(self) -> None:
        """Take everything from the board that this pool has put there."""
        self.withdraw(list(self._published.values()))

    def _publish(self, learners: list[Learner]) -> None:
        new = [learner for learner in learners if learner.name not in self._published]
        if self._is_alone or not new or not self._board.has_helpers():
            return
        published = self._published | {learner.name: learner for learner in new}
        try:
            self._data.save(self._run.checkpoints, [learner.choice for learner in new])
            save_learners(self._run.checkpoints, list(published.values()))
        except OSError:
            self._is_alone = True
            return
        self._published = published
        self._board.publish([learner.name for learner in new])

    def _load_or_train(self, learner: Learner, check: Callable[[], None]) -> Curve:
        curve = load_curve(self._run, learner.name)
        if curve is None:
            scaled = self._run.with_progress(ScaledProgress(self._run.progress, learner.units, check=check))
            images, test = self._data.training_images(learner.choice), self._data.test_images(learner.choice)
            return measure_curve(learner.config, images, test, scaled, name=learner.name, keep=learner.is_kept)
        ScaledProgress(self._run.progress, learner.units).advance(learner.config.updates)
        if learner.is_kept and learner.name in self._published:
            images, test = self._data.training_images(learner.choice), self._data.test_images(learner.choice)
            keep_curve(curve, learner.config, images, test, self._run)
        return curve
