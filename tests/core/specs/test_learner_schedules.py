"""How long learners are trained: by the images, by what they start from, and by the amount of evidence."""

import pytest

from core.specs.photographs import FINE_TUNING_SCHEDULES, PROBE_SCHEDULE, learner_schedule
from core.specs.presets import QUICK


@pytest.mark.parametrize(("images", "small", "photographs"), [(200, 150, 300), (1_000, 150, 300), (5_000, 390, 390)])
def test_random_weights_get_more_updates_from_few_photographs_than_from_few_small_images(
    images: int, small: int, photographs: int
) -> None:
    found = [learner_schedule("small", QUICK, "quick", photographs=which) for which in (False, True)]
    assert [schedule.length.updates(images) for schedule in found] == [small, photographs]
    assert {(schedule.attack_steps, schedule.attack_step) for schedule in found} == {(2, 0.6)}


@pytest.mark.parametrize("photographs", [False, True])
def test_the_full_amount_and_pretrained_weights_have_schedules_of_their_own(photographs: bool) -> None:
    def schedule(learner: str, amount: str) -> object:
        return learner_schedule(learner, QUICK, amount, photographs=photographs)

    assert schedule("small", "full") == QUICK.schedules["full"]
    assert schedule("pretrained-finetune", "full") == FINE_TUNING_SCHEDULES["full"]
    assert schedule("pretrained-probe", "quick") == PROBE_SCHEDULE
