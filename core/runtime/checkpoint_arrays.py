"""Large arrays among the checkpoints, in parts, so that no part needs much memory beside the array itself."""

import io
import json

import numpy as np
from numpy.typing import NDArray

from core.runtime.checkpoints import CheckpointStore

PART_BYTES = 64 << 20


def save_array(checkpoints: CheckpointStore, name: str, array: NDArray[np.generic]) -> None:
    """Save an array, unless it is saved already: arrays of one name are equal.

    Args:
        checkpoints: Where to save it.
        name: Of the array.
        array: At least one axis; without Python objects.

    Raises:
        OSError: There is no room for all of it; none of it stays.
    """
    if checkpoints.load(_about(name)) is not None:
        return
    rows = max(1, PART_BYTES // max(1, array[:1].nbytes))
    for number, first in enumerate(range(0, len(array), rows)):
        part = io.BytesIO()
        np.save(part, np.ascontiguousarray(array[first : first + rows]), allow_pickle=False)
        try:
            checkpoints.save(_part(name, number), part.getvalue())
        except OSError:  # such as a full disk, on which the parts before would stay in the way
            for saved in range(number):
                checkpoints.delete(_part(name, saved))
            raise
    about = {"shape": array.shape, "dtype": array.dtype.str, "rows": rows}
    checkpoints.save(_about(name), json.dumps(about).encode())  # last: it says that all parts are there


def load_array(checkpoints: CheckpointStore, name: str) -> NDArray[np.generic]:
    """The array that `save_array` saved.

    Args:
        checkpoints: Where it is.
        name: Of the array.

    Raises:
        KeyError: It is not there, or a part of it is not.
    """
    about = json.loads(_load(checkpoints, _about(name)))
    array = np.empty(about["shape"], np.dtype(about["dtype"]))
    for number, first in enumerate(range(0, len(array), about["rows"])):
        part = io.BytesIO(_load(checkpoints, _part(name, number)))
        array[first : first + about["rows"]] = np.load(part, allow_pickle=False)
    return array


def delete_array(checkpoints: CheckpointStore, name: str) -> None:
    """Delete the array that `save_array` saved; nothing happens where it is not there.

    Args:
        checkpoints: Where it is.
        name: Of the array.
    """
    data = checkpoints.load(_about(name))
    if data is not None:
        about = json.loads(data)
        checkpoints.delete(_about(name))  # first: without it no part counts
        for number in range(-(-about["shape"][0] // about["rows"])):
            checkpoints.delete(_part(name, number))


def _load(checkpoints: CheckpointStore, name: str) -> bytes:
    data = checkpoints.load(name)
    if data is None:
        raise KeyError(name)
    return data


def _about(name: str) -> str:
    return f"{name}.array.json"


def _part(name: str, number: int) -> str:
    return f"{name}-{number}.npy"
