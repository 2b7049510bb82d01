"""The colour profile of a file: whether it can be used, and what to say if not. Runs in the sandbox only."""

from PIL import Image

MAX_PROFILE_BYTES = 1 << 20
"""A longer profile could not be read back from a PNG."""


def usable_profile(image: Image.Image) -> bytes | None:
    """The colour profile of an opened file; None if there is none, or if it is damaged or too long.

    Args:
        image: The file as Pillow has opened it.
    """
    icc = image.info.get("icc_profile")
    if not isinstance(icc, bytes) or len(icc) > MAX_PROFILE_BYTES:
        return None
    return icc if len(icc) > 128 and icc[36:40] == b"acsp" else None


def profile_applies(icc: bytes, mode: str) -> bool:
    """Whether a profile describes pixels of a mode.

    Args:
        icc: The profile.
        mode: L, LA, RGB or RGBA.
    """
    return icc[16:20] == (b"GRAY" if mode in ("L", "LA") else b"RGB ")


def profile_note(image: Image.Image, icc: bytes | None, *, applies: bool) -> str | None:
    """What the user should know of a profile that is not kept; None if it is, or if it has converted CMYK.

    Args:
        image: The file as Pillow has opened it.
        icc: Its usable profile.
        applies: Whether that describes the decoded pixels.
    """
    if icc is not None:
        converts = image.mode == "CMYK" and icc[16:20] == b"CMYK"
        return None if applies or converts else "its colour profile is for other pixels and dropped"
    stored = image.info.get("icc_profile")
    if isinstance(stored, bytes) and len(stored) > MAX_PROFILE_BYTES:
        return "its colour profile is too long and dropped"
    if "icc_profile" in image.info or getattr(image, "icclist", None):
        return "its colour profile is damaged and dropped" if stored or stored is None else None
    return None
