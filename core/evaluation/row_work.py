"""What a row of the evidence is without a limit of time, and how many images a shorter training needs."""

from dataclasses import dataclass

MIN_PASSES = 4  # over the training images; shorter trainings see fewer images, each of them as often


@dataclass(frozen=True, slots=True, kw_only=True)
class RowWork:
    """What one row is without a limit of time.

    Attributes:
        name: The row's training, such as "standard training".
        updates: Updates of each of its two learners.
        batch: Images of one update.
        train_images: Training images.
        test_images: Test images.
        runs: How often each of its two learners is trained.
    """

    name: str
    updates: int
    batch: int
    train_images: int
    test_images: int
    runs: int = 1

    def train_images_for(self, updates: int) -> int:
        """How many training images suffice for a shorter training: each is seen as often, or MIN_PASSES times."""
        if updates >= self.updates:
            return self.train_images
        batch = min(self.batch, self.train_images)
        passes = min(MIN_PASSES, self.updates * batch / self.train_images)
        return min(self.train_images, max(batch, round(updates * batch / passes)))
