"""What is true of the noise on photographs alone: its target of visibility, and textures."""

from collections.abc import Iterator

from core.specs.protect import TEXTURE, ProtectSpec


def target_caveats(spec: ProtectSpec, *, images: int, faint: int) -> Iterator[str]:
    """What a target of visibility costs.

    Args:
        spec: How the noise was made.
        images: Images in all.
        faint: Images of which the target left next to no noise.
    """
    if faint:
        yield (
            f"{faint:,} of {images:,} images carry next to no noise, because they would show more: smooth images hide "
            f"little at the visibility “{spec.visibility}”. Models learn from them nearly as from unprotected images."
        )
    if spec.method != TEXTURE:
        yield (
            "The noise of each image was scaled down until the image met the visibility "
            f"“{spec.visibility}”. The scaled noise protects less than published measurements of the method say."
        )


def texture_caveats(spec: ProtectSpec) -> Iterator[str]:
    """What is known of the method `texture`.

    Args:
        spec: How the noise was made.
    """
    if spec.method != TEXTURE:
        return
    yield (
        "On a public set of 1,332 grocery photographs, textures up to FLIP 0.12 did not lower what models learned by "
        "more than the runs differ. On another set they lowered a fine-tuned model by a third. Only evidence on these "
        "images says what they do here."
    )
    yield (
        "The textures use no gradients and know no adversary. Adversarial training, and filters that remove fine "
        "regular structure, weaken them."
    )
    yield (
        "All images of a class have similar textures. Someone who knows the method can estimate them from the "
        "protected images and filter a part of them out, even without the secret key. Not measured."
    )


def texture_countermeasures(here: str) -> str:
    """What countermeasures do to textures.

    Args:
        here: A sentence that says which of them were measured.
    """
    return (
        "A texture is the same in all colours, so conversion to greyscale keeps it. Blur, strong JPEG compression and "
        f"reduction to a small size weaken it. {here}"
    )
