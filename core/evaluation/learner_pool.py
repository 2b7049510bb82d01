"""The learners of one evaluation: their owner trains them as it needs them, and helpers the longest first.

So what is left in the end is short, and nobody waits long for the last one.
"""

from collections.abc import Callable, Iterable
from functools import partial

from core.evaluation.learner import Learner, LearnerData, save_learners
from core.evaluation.learner_run import ScaledProgress, keep_curve, load_curve, measure_curve
from core.results.evidence import Curve
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.runtime.distributed import world_size
from core.runtime.piece_offers import PieceOffers
from core.runtime.side_by_side import SideBySide

MAX_AT_ONCE = 4  # learners; each has its weights and its images in memory


class LearnerPool:
    """Trains learners, each once, whoever needs its curve.

    A learner whose curve is in the checkpoints is not trained again, whether an earlier attempt or a helper saved it.
    So the curves are the same whatever the number of helpers.

    Args:
        data: The images.
        run: Its checkpoints keep every curve and the unfinished learners; its board offers learners to helpers.

    Attributes:
        at_once: How many learners are trained side by side.
    """

    def __init__(self, data: LearnerData, run: RunContext) -> None:
        self._data, self._run, self._offers = data, run, PieceOffers(run.pieces)
        self.at_once = _learners_at_once(run.device)
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
        """The curve of a learner. On several cores the next ones are trained beside it; if a helper trains it, others.

        Args:
            learner: The learner.
            check: Called again and again, by several threads; what it raises ends the call.
        """
        self.add([learner])
        while learner.name not in self._curves:
            names = [learner.name, *(name for name in self._waiting if name != learner.name)]
            offered = sorted(names[self.at_once :], key=lambda name: self._waiting[name].cost)
            self._offers.publish(offered, self._save)
            taken = self._offers.take(names, max_count=self.at_once)
            if taken:
                self._train_side_by_side(taken, check)
            else:
                check()
                self._offers.wait(self._run.progress)
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

    def _train_side_by_side(self, names: list[str], check: Callable[[], None]) -> None:
        together = SideBySide()

        def check_all() -> None:
            check()
            together.check()

        learners = [self._waiting[name] for name in names]
        curves = together.run([self._curve_of(learner, check_all) for learner in learners])
        for name, curve in zip(names, curves, strict=True):
            self._curves[name] = curve
            del self._waiting[name]

    def _curve_of(self, learner: Learner, check: Callable[[], None]) -> Callable[[], Curve]:
        """What gives the curve of a learner. Its images are made here: no two threads make the same ones."""
        curve = load_curve(self._run, learner.name)
        if curve is None:
            run = self._run.with_progress(ScaledProgress(self._run.progress, learner.units, check=check))
            images, test = self._data.training_images(learner.choice), self._data.test_images(learner.choice)
            name, keep = learner.name, learner.is_kept
            return partial(measure_curve, learner.config, images, test, run, name=name, keep=keep)
        ScaledProgress(self._run.progress, learner.units).advance(learner.config.updates)
        if learner.is_kept and learner.name in self._published:
            images, test = self._data.training_images(learner.choice), self._data.test_images(learner.choice)
            keep_curve(curve, learner.config, images, test, self._run)
        return lambda: curve


def _learners_at_once(device: Device) -> int:
    """How many learners fill the device: the batch of one occupies few cores, and not all the time."""
    return min(device.cores, MAX_AT_ONCE) if device.is_cpu and world_size() == 1 else 1
