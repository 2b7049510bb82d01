"""The learners of one evaluation: their owner trains them as it needs them, and helpers the longest first.

So what is left in the end is short, and nobody waits long for the last one.
"""

from collections.abc import Callable, Iterable

from core.evaluation.learner import Learner, LearnerData, save_learners
from core.evaluation.learner_run import ScaledProgress, keep_curve, load_curve, measure_curve
from core.results.evidence import Curve
from core.runtime.context import RunContext
from core.runtime.piece_offers import PieceOffers


class LearnerPool:
    """Trains learners, each once, whoever needs its curve.

    A learner whose curve is in the checkpoints is not trained again, whether an earlier attempt or a helper saved it.
    So the curves are the same whatever the number of helpers.

    Args:
        data: The images.
        run: Its checkpoints keep every curve and the unfinished learner; its board offers learners to helpers.
    """

    def __init__(self, data: LearnerData, run: RunContext) -> None:
        self._data, self._run, self._offers = data, run, PieceOffers(run.pieces)
        self._curves: dict[str, Curve] = {}
        self._waiting: dict[str, Learner] = {}  # in the order in which their curves are needed
        self._published: dict[str, Learner] = {}

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
            others = [name for name in self._waiting if name != learner.name]
            self._offers.publish(sorted(others, key=lambda name: self._waiting[name].cost), self._save)
            free = self._offers.take([learner.name, *others])
            if not free:
                check()
                self._offers.wait(self._run.progress)
            for name in free:
                self._curves[name] = self._load_or_train(self._waiting[name], check)
                del self._waiting[name]
        return self._curves[learner.name]

    def withdraw(self, learners: Iterable[Learner]) -> None:
        """Say that curves are not needed after all; helpers stop.

        Args:
            learners: Whether their curves are known or not.
        """
        names = [learner.name for learner in learners]
        for name in names:
            self._waiting.pop(name, None)
        self._offers.withdraw(names)

    def close(self) -> None:
        """Take everything from the board that this pool has put there."""
        self.withdraw(list(self._published.values()))

    def _save(self, names: list[str]) -> None:
        new = {name: self._waiting[name] for name in names}
        self._data.save(self._run.checkpoints, [learner.choice for learner in new.values()])
        published = self._published | new
        save_learners(self._run.checkpoints, list(published.values()))
        self._published = published

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
