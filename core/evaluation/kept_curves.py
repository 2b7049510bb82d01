"""Names for the curves of learners on originals, which are kept for the next job of the same dataset."""

import hashlib
import json
from collections.abc import Mapping

from core.models.pretrained import pretrained_weights_file
from core.runtime.context import RunContext
from core.specs.catalog import PRETRAINED_LABELS
from core.specs.presets import fingerprint
from core.training.labelled_images import LabelledArrays


def kept_curve_name(config: Mapping[str, object], images: LabelledArrays, test: LabelledArrays, run: RunContext) -> str:
    """The name of a kept curve: a hash of all that it depends on, so it is never that of another learner.

    Args:
        config: How the learner is trained, by field name.
        images: The training images.
        test: Clean images.
        run: The device, and the weights that pretrained learners start from.
    """
    digest = hashlib.sha256()
    digest.update(json.dumps([fingerprint(), run.device.label, config, images.classes]).encode())
    if config["architecture"] in PRETRAINED_LABELS:
        weights = pretrained_weights_file(run.pretrained_weights)
        digest.update(b"" if weights is None else weights.read_bytes())
    for arrays in (images, test):
        for array in (arrays.pixels, arrays.labels):
            digest.update(json.dumps([array.shape, array.dtype.str]).encode())
            digest.update(array.tobytes())
    return f"{digest.hexdigest()}.json"
