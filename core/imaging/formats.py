"""File formats of delivered images. Imports nothing, so that code without Pillow can use it."""

SUFFIXES = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "WEBP": (".webp",),
    "BMP": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"),
    "AVIF": (".avif",),
}


def delivered_format(format: str, mode: str, requested: str) -> str:
    """The format in which an image is delivered.

    With "same", two kinds still become PNG: a GIF, because 256 colours cannot hold noise, and a BMP with alpha, because
    few programs read it.

    Args:
        format: Format of the uploaded file, such as JPEG.
        mode: L, RGB, LA or RGBA.
        requested: `png`, or `same` for the format of the upload.
    """
    if requested == "png" or format == "GIF" or (format == "BMP" and mode in ("LA", "RGBA")):
        return "PNG"
    return format
