"""Image files of every kind that is supported, for the tests of decoding and encoding."""

import io
from typing import Any

import numpy as np
from PIL import Image

from tests.support.uploads import encoded, image_file, pixels


def sixteen_bit(mode: str = "I;16") -> bytes:
    values = np.linspace(0, 65535, 30 * 40).astype(np.uint16).reshape(30, 40)
    return encoded(
        Image.fromarray(values.astype(np.int32) if mode == "I" else values), "TIFF" if mode == "I" else "PNG"
    )


def animated(format: str) -> bytes:
    frames = [Image.fromarray(pixels(seed=i)) for i in range(3)]
    return encoded(frames[0], format, save_all=True, append_images=frames[1:])


LARGE_JPEG = image_file("JPEG", 200, 150)
RGB = Image.fromarray(pixels())
SUPPORTED = {  # name: (file, mode and format once decoded, part of the note or None)
    "JPEG": (image_file("JPEG"), "RGB", "JPEG", None),
    "PNG": (image_file("PNG"), "RGB", "PNG", None),
    "WebP": (image_file("WEBP"), "RGB", "WEBP", None),
    "AVIF": (image_file("AVIF"), "RGB", "AVIF", None),
    "TIFF": (image_file("TIFF"), "RGB", "TIFF", None),
    "BMP": (image_file("BMP"), "RGB", "BMP", None),
    "still GIF": (image_file("GIF"), "RGB", "GIF", "palette"),
    "1 x 1": (image_file(width=1, height=1), "RGB", "PNG", None),
    "greyscale": (encoded(RGB.convert("L"), "PNG"), "L", "PNG", None),
    "bilevel": (encoded(RGB.convert("1"), "PNG"), "L", "PNG", None),
    "palette": (encoded(RGB.quantize(16), "PNG"), "RGB", "PNG", "palette"),
    "palette with a transparent colour": (encoded(RGB.quantize(16), "PNG", transparency=3), "RGBA", "PNG", "palette"),
    "colour key": (encoded(RGB, "PNG", transparency=(1, 2, 3)), "RGBA", "PNG", None),
    "RGBA": (encoded(Image.fromarray(pixels(channels=4)), "PNG"), "RGBA", "PNG", None),
    "greyscale with alpha": (encoded(RGB.convert("LA"), "PNG"), "LA", "PNG", None),
    "CMYK": (encoded(RGB.convert("CMYK"), "JPEG"), "RGB", "JPEG", "CMYK"),
    "CMYK TIFF": (encoded(RGB.convert("CMYK"), "TIFF"), "RGB", "TIFF", "CMYK"),
    "16-bit greyscale": (sixteen_bit(), "L", "PNG", "16 bits"),
    "16-bit greyscale in 32": (sixteen_bit("I"), "L", "TIFF", "16 bits"),
    "several images": (
        encoded(RGB, "MPO", save_all=True, append_images=[RGB]),
        "RGB",
        "JPEG",
        "first of several",
    ),
}


def heic(image: Image.Image, **options: Any) -> bytes:
    """The HEIC file of an image; `options` are those of pillow-heif."""
    import pillow_heif

    out = io.BytesIO()
    pillow_heif.from_pillow(image).save(out, **options)
    return out.getvalue()
