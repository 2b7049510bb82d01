"""File formats of delivered images. Imports nothing, so that code without Pillow can use it."""

SUFFIXES = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "WEBP": (".webp",),
    "BMP": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"),
    "AVIF": (".avif",),
}


MAX_GROWTH = 1.5
"""The most bytes of a lossy delivered file, as a multiple of the uploaded one's, unless its noise needs more."""


def delivered_format(format: str, mode: str, requested: str) -> str:
    """The format in which an image is delivered.

    With "same", some kinds still change. A GIF becomes PNG, because 256 colours cannot hold noise, and so do a PPM and
    a BMP with alpha, because few programs read them. A HEIC becomes JPEG, which every program reads, or PNG if it has
    alpha.

    Args:
        format: Format of the uploaded file, such as JPEG.
        mode: L, RGB, LA or RGBA.
        requested: `png`, or `same` for the format of the upload.
    """
    has_alpha = mode in ("LA", "RGBA")
    if requested == "png" or format in ("GIF", "PPM") or (format in ("BMP", "HEIF") and has_alpha):
        return "PNG"
    return "JPEG" if format == "HEIF" else format
