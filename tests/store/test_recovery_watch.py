"""After a pause of everything no worker counts as lost; otherwise one does as soon as its lease has expired."""

from datetime import UTC, datetime, timedelta

import pytest

from store.recovery_watch import RecoveryWatch

START = datetime(2026, 1, 1, tzinfo=UTC)


def lost_when_expired(times: list[float]) -> list[bool]:
    """Whether each of these rounds, in seconds, may take an expired lease for a lost worker."""
    watch = RecoveryWatch(lease_seconds=30, recovery_seconds=5)
    return [watch.observe(START + timedelta(seconds=time)) for time in times]


def test_a_process_that_just_began_to_watch_waits() -> None:
    assert lost_when_expired([0, 5, 10, 15, 20]) == [False, False, False, True, True]


@pytest.mark.parametrize("after", [60, 4000, -3000], ids=["a pause", "a long sleep", "a clock that was set back"])
def test_a_gap_begins_the_watch_anew(after: int) -> None:
    rounds = [0, 10, 20, 20 + after, 25 + after, 34 + after, 35 + after]
    assert lost_when_expired(rounds) == [False, False, True, False, False, False, True]


def test_rounds_that_are_late_are_no_pause() -> None:
    assert lost_when_expired([0, 15, 29, 44]) == [False, True, True, True]


def test_rare_rounds_are_no_pauses() -> None:
    watch = RecoveryWatch(lease_seconds=30, recovery_seconds=60)
    assert [watch.observe(START + timedelta(seconds=60 * n)) for n in range(3)] == [False, True, True]
