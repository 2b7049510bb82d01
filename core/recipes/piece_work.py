"""What a helper computes for a job that another process runs: a shard of its noise, or one of its learners."""

from core.evaluation.piece_trainer import PieceTrainer
from core.noise.noise_pieces import ShardMaker
from core.noise.shards import shard_number
from core.runtime.context import RunContext


class PieceWork:
    """Computes pieces of one job. The images of its noise, or those of its evidence, are loaded once."""

    def __init__(self) -> None:
        self._shards: ShardMaker | None = None
        self._learners: PieceTrainer | None = None

    def compute(self, name: str, run: RunContext) -> None:
        """Compute a piece, and save its result in the checkpoints.

        Args:
            name: The piece.
            run: Its checkpoints are those of the job.

        Raises:
            KeyError: The owner needs the piece no longer.
        """
        if shard_number(name) is None:
            self._shards = None
            self._learners = self._learners or PieceTrainer()
            self._learners.train(name, run)
        else:
            self._learners = None
            self._shards = self._shards or ShardMaker()
            self._shards.make(name, run)
