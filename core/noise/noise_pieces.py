"""What a helper does: it makes shards of noise that another process owns, from the checkpoints alone."""

from core.noise.final_search import FinalSearch
from core.noise.inference import NoisePrediction
from core.noise.ntga.attack import NTGABlocks
from core.noise.protected_images import ProtectedImages
from core.noise.shards import NoiseMaker, Shard, load_shard, save_shard, shard_number
from core.runtime.context import RunContext

KINDS = {kind.KIND: kind for kind in (FinalSearch, NoisePrediction, NTGABlocks)}


class ShardMaker:
    """Makes shards of one computation; its images and its network are loaded once."""

    def __init__(self) -> None:
        self._maker: NoiseMaker | None = None

    def make(self, name: str, run: RunContext) -> None:
        """Make the noise of a shard, and save it in the checkpoints.

        Args:
            name: The shard as a piece.
            run: Its checkpoints are those of the computation.

        Raises:
            KeyError: It is no shard, or the owner needs it no longer.
        """
        number = shard_number(name)
        if number is None:
            raise KeyError(name)
        if load_shard(name, run.checkpoints) is not None:
            return
        if self._maker is None:
            self._maker = load_maker(run)
        for noise in self._maker.make([Shard(number, self._maker.shards[number])], run):
            save_shard(name, noise, run.checkpoints)


def load_maker(run: RunContext) -> NoiseMaker:
    """What the owner of a computation makes noise with, as it was saved.

    Args:
        run: Its checkpoints are those of the computation.

    Raises:
        KeyError: It is not there.
    """
    protected, kind, settings = ProtectedImages.load(run.checkpoints)
    maker: NoiseMaker = KINDS[kind].load(protected, settings, run.checkpoints, run.device)
    return maker
