"""HEIC and HEIF images, by the package pillow-heif. Runs in the sandbox only.

A worker without the package refuses them. Its wheel bundles libheif and libde265 (LGPL) and x265 (GPL), an encoder,
which is not used: a HEIC is delivered as JPEG or PNG.
"""

from PIL import Image

from core.errors import ImageRefused

FORMAT = "HEIF"  # Pillow's name for HEIC too
BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def load_decoder() -> bool:
    """Register the decoder at Pillow. Returns whether the package is installed."""
    try:
        import pillow_heif
    except ImportError:
        return False
    # Its own thumbnails and depth images are not decoded; no thread beyond the one that libde265 always starts.
    pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)
    return True


def is_heif(data: bytes) -> bool:
    """Whether a file names itself HEIC or HEIF, by the brand of its first box."""
    return data[4:8] == b"ftyp" and data[8:12] in BRANDS


def load(image: Image.Image) -> None:
    """Decode the pixels of an opened HEIF.

    Raises:
        ImageRefused: It is damaged, or this system lets the sandbox start no thread.
    """
    try:
        image.load()
    except (ValueError, EOFError, RuntimeError) as error:
        if "C++ exception" in str(error):  # std::thread
            raise ImageRefused("this worker cannot decode HEIC images in its sandbox; save it as JPEG") from None
        raise ImageRefused("it is a damaged or truncated HEIC image") from None
