"""Small images of a dataset, for a page."""

from core.imaging.sandbox import DecoderSandbox, SandboxTask, sandbox_or_new
from core.ingest.dataset import ImageDataset, ImageRecord


def make_thumbnails(
    dataset: ImageDataset, count: int, edge: int = 160, *, sandbox: DecoderSandbox | None = None
) -> list[tuple[str, bytes]]:
    """Make thumbnails of some images, spread over the classes.

    Args:
        dataset: The images.
        count: Maximum number of thumbnails.
        edge: Maximum width and height in pixels.
        sandbox: Decodes the images; default: a new one for this call.

    Returns:
        For each thumbnail the image's path in the upload, and a PNG or JPEG. Images that fail are left out.
    """
    selected = _spread_over_classes(dataset, count)
    with sandbox_or_new(sandbox, dataset.limits) as sandbox:
        tasks = [SandboxTask(op="thumbnail", file=image.disk_path, args={"edge": edge}) for image in selected]
        results = [result for _, result in sandbox.map(tasks)]
    return [
        (image.path, result.blobs[0]) for image, result in zip(selected, results, strict=True) if result.refused is None
    ]


def _spread_over_classes(dataset: ImageDataset, count: int) -> list[ImageRecord]:
    """Images taken from each class in turn; with more than `count` classes, one of every few classes."""
    by_class: list[list[ImageRecord]] = [[] for _ in dataset.classes]
    for image in dataset.images:
        by_class[image.label].append(image)
    if len(by_class) > count:
        return [by_class[number * len(by_class) // count][0] for number in range(count)]
    rounds = min(max(map(len, by_class), default=0), count)
    in_turn = [images[turn] for turn in range(rounds) for images in by_class if turn < len(images)]
    return in_turn[:count]
