"""The numbers that separate the random streams of one seed. They are part of every result and never change."""

from enum import IntEnum


class RandomStream(IntEnum):
    """What a random stream is for: the number that follows the seed in the seed of a generator.

    3 and 5 occur twice, and to Python the second name is an alias of the first. The streams still differ, because the
    number of a shard follows `FINAL_SEARCH` and `NTGA_VALIDATION`.
    """

    LEARNER = 2
    FINAL_SEARCH = 3
    COUNTERMEASURE = 3
    NTGA_BLOCKS = 4
    NOISE_NETWORK = 5
    NTGA_VALIDATION = 5
    NTGA_SEARCH = 6
