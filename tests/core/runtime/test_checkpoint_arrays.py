"""Large arrays among the checkpoints: in parts, complete or not at all."""

import json

import numpy as np
import pytest

from core.runtime import checkpoint_arrays
from tests.support.checkpoints import MemoryCheckpointStore

IMAGES = np.random.default_rng(1).integers(0, 120, (10, 3, 32, 32)).astype(np.uint8)


def test_arrays_are_saved_in_parts_and_complete_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint_arrays, "PART_BYTES", 3 * IMAGES[:1].nbytes)
    checkpoints = MemoryCheckpointStore()
    checkpoint_arrays.save_array(checkpoints, "images", IMAGES[:10])
    assert len(checkpoints.saved) == 5
    assert np.array_equal(checkpoint_arrays.load_array(checkpoints, "images"), IMAGES[:10])
    assert json.loads(checkpoints.saved["images.array.json"])["rows"] == 3
    del checkpoints.saved["images-2.npy"]
    with pytest.raises(KeyError):
        checkpoint_arrays.load_array(checkpoints, "images")


def test_of_an_array_that_finds_no_room_nothing_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    class SmallStore(MemoryCheckpointStore):
        def save(self, name: str, data: bytes) -> None:
            if len(self.saved) == 2:
                raise OSError(28, "No space left on device")
            super().save(name, data)

    monkeypatch.setattr(checkpoint_arrays, "PART_BYTES", 3 * IMAGES[:1].nbytes)
    checkpoints = SmallStore()
    with pytest.raises(OSError, match="No space"):
        checkpoint_arrays.save_array(checkpoints, "images", IMAGES[:10])
    assert checkpoints.saved == {}


def test_a_deleted_array_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint_arrays, "PART_BYTES", 3 * IMAGES[:1].nbytes)
    checkpoints = MemoryCheckpointStore()
    checkpoint_arrays.save_array(checkpoints, "images", IMAGES[:10])
    checkpoint_arrays.save_array(checkpoints, "other", IMAGES[:1])
    checkpoint_arrays.delete_array(checkpoints, "images")
    checkpoint_arrays.delete_array(checkpoints, "images")
    assert {name.partition(".")[0] for name in checkpoints.saved} == {"other", "other-0"}
