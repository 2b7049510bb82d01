"""The images that noise is made for, and their place among the checkpoints of a job, from where helpers load them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from core.runtime.checkpoint_arrays import delete_array, load_array, save_array
from core.runtime.checkpoints import CheckpointStore
from core.training.labelled_images import LabelledArrays

WORK = "noise-work.json"
PIXELS, LABELS, PROTECT_MASK, TRAIN_MASK = (f"noise-{what}" for what in ("pixels", "labels", "protected", "trained"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectedImages:
    """The images of a dataset, and which of them get noise.

    Attributes:
        images: All of them at the work size; the labels are outputs of the network that makes the noise.
        protect_mask: bool (n,), the images that get noise.
        train_mask: bool (n,), those whose labels the noise of others may depend on; None where it depends on none.
    """

    images: LabelledArrays
    protect_mask: NDArray[np.bool_]
    train_mask: NDArray[np.bool_] | None = None

    def save(self, checkpoints: CheckpointStore, *, kind: str, settings: Mapping[str, Any]) -> None:
        """Save the images and what is done with them.

        Args:
            checkpoints: Where to save them.
            kind: Names the maker of the noise.
            settings: What else the maker needs, as JSON.
        """
        for name, array in self._arrays().items():
            save_array(checkpoints, name, array)
        about = {"kind": kind, "classes": self.images.classes, "settings": settings}
        checkpoints.save(WORK, json.dumps(about | {"has_train_mask": self.train_mask is not None}).encode())

    @staticmethod
    def load(checkpoints: CheckpointStore) -> tuple["ProtectedImages", str, Mapping[str, Any]]:
        """The images, the kind of the maker and its settings, as `save` saved them. Raises KeyError without them."""
        data = checkpoints.load(WORK)
        if data is None:
            raise KeyError(WORK)
        about = json.loads(data)
        images = LabelledArrays(
            pixels=cast("NDArray[np.uint8]", load_array(checkpoints, PIXELS)),
            labels=cast("NDArray[np.int64]", load_array(checkpoints, LABELS)),
            classes=about["classes"],
        )
        protect_mask = cast("NDArray[np.bool_]", load_array(checkpoints, PROTECT_MASK))
        trained = load_array(checkpoints, TRAIN_MASK) if about["has_train_mask"] else None
        train_mask = cast("NDArray[np.bool_] | None", trained)
        loaded = ProtectedImages(images=images, protect_mask=protect_mask, train_mask=train_mask)
        return loaded, about["kind"], about["settings"]

    def delete_images(self, checkpoints: CheckpointStore) -> None:
        """Delete the images."""
        for name in self._arrays():
            delete_array(checkpoints, name)

    def _arrays(self) -> dict[str, NDArray[np.generic]]:
        arrays: dict[str, NDArray[np.generic]] = {
            PIXELS: self.images.pixels,
            LABELS: self.images.labels,
            PROTECT_MASK: self.protect_mask,
        }
        return arrays if self.train_mask is None else arrays | {TRAIN_MASK: self.train_mask}
