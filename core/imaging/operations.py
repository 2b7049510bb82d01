"""What can be asked of the sandbox, each on the bytes of one picture: probe, pixels, protect, thumbnail, view.

Every operation returns plain values and byte strings. Pixels are uint8, channels first.
"""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from core.errors import ImageRefused
from core.imaging.decode import decode
from core.imaging.encode import LOSSY, delivered_format, encode

Result = tuple[dict[str, Any], list[bytes]]
Bytes = NDArray[np.uint8]


def probe(data: bytes) -> Result:
    """Decode it once, to know that it can be; its size upright, mode, format and note."""
    picture = decode(data, least=1)
    width, height = picture.size
    values = {"width": width, "height": height, "mode": picture.image.mode}
    return values | {"format": picture.format, "note": picture.note}, []


def pixels(data: bytes, *, size: int, channels: int) -> Result:
    """The picture squashed to (channels, size, size)."""
    return {}, [squashed(decode(data).image, size, channels).tobytes()]


def protect(
    data: bytes, noise: bytes, *, size: int, channels: int, radius: int, format: str, keep_exif: bool
) -> Result:
    """Add noise, int8 (channels, size, size), enlarged to the picture's own size, and encode.

    Returns the file, what a learner reads of that file at (channels, size, size), and how far it is from the upload in
    colour: linf (of 255), mae and mse over all colour values at full size. Lossless formats keep linf <= radius. Raises
    Refused where an encoder ruined it.
    """
    picture = decode(data)
    work = np.frombuffer(noise, np.int8).reshape(channels, size, size)
    image = add_noise(picture.image, work, radius)
    kind = delivered_format(picture.format, image.mode, format)
    encoded = encode(image, picture, format=kind, keep_exif=keep_exif)
    delivered = decode(encoded).image
    if delivered.mode != image.mode and delivered.mode != picture.image.mode:
        delivered = delivered.convert(image.mode)  # an AVIF of a grey picture reads back as RGB
    if delivered.size != picture.image.size:
        raise ImageRefused("the encoder changed its size")
    figures = difference(picture.image, delivered)
    if kind not in LOSSY and figures["linf"] > radius:
        raise ImageRefused("the encoder changed its colours")
    learned = squashed(delivered, size, channels)
    return {"format": kind, **figures}, [encoded, learned.tobytes()]


def thumbnail(data: bytes, *, edge: int) -> Result:
    """A small picture for a page: PNG where it is tiny or has alpha, else JPEG; at most edge x edge."""
    image = decode(data, least=2 * edge).image
    image.thumbnail((edge, edge), Image.Resampling.LANCZOS, reducing_gap=3.0)
    out = io.BytesIO()
    if image.mode in ("LA", "RGBA") or max(image.size) <= 64:
        image.save(out, "PNG")
    else:
        image.save(out, "JPEG", quality=85)
    return {}, [out.getvalue()]


def view(data: bytes, *, edge: int, mode: str) -> Result:
    """The picture's own pixels for a page, (height, width, channels) uint8, smaller where a side exceeds `edge`.

    They come in `mode`, the upload's: an encoder may have made three of a grey channel, or dropped an opaque alpha.
    """
    image = decode(data).image.convert(mode)
    if max(image.size) > edge:
        image.thumbnail((edge, edge), Image.Resampling.BOX)
    shown = np.atleast_3d(np.asarray(image))
    height, width, channels = shown.shape
    return {"height": height, "width": width, "channels": channels}, [shown.tobytes()]


OPERATIONS: dict[str, Callable[..., Result]] = {
    "probe": probe,
    "pixels": pixels,
    "protect": protect,
    "thumbnail": thumbnail,
    "view": view,
}


def colours(image: Image.Image) -> Image.Image:
    """The picture without its alpha: L or RGB, the colours under transparent pixels as they are stored."""
    if image.mode in ("LA", "RGBA"):
        bands = image.split()[:-1]
        return bands[0] if len(bands) == 1 else Image.merge("RGB", bands)
    return image


def squashed(image: Image.Image, size: int, channels: int) -> Bytes:
    """The colours as (channels, size, size), by an antialiased triangle filter; as they are where the size is right."""
    small = colours(image)
    if small.size != (size, size):
        small = small.resize((size, size), Image.Resampling.BILINEAR)
    if channels == 3 and small.mode == "L":
        small = small.convert("RGB")
    values = np.asarray(small)
    return np.ascontiguousarray(values[None] if values.ndim == 2 else values.transpose(2, 0, 1))


def enlarged(noise: NDArray[np.int8], width: int, height: int, radius: int) -> Image.Image:
    """Noise (1 or 3, s, s) at a picture's size, as an image of noise + 128; never further than `radius` from 128.

    A triangle filter takes means with positive weights, so it cannot overshoot; the clamp holds for noise that did.
    """
    biased = (np.clip(noise.astype(np.int16), -radius, radius) + 128).astype(np.uint8)
    flat = biased[0] if len(biased) == 1 else np.ascontiguousarray(biased.transpose(1, 2, 0))
    image = Image.fromarray(flat)
    return image if image.size == (width, height) else image.resize((width, height), Image.Resampling.BILINEAR)


def add_noise(image: Image.Image, noise: NDArray[np.int8], radius: int) -> Image.Image:
    """The picture with noise added to its colours, kept in 0..255; alpha as it was.

    A grey picture takes the mean of the noise's channels and stays grey.
    """
    if not noise.any():
        return image
    plain = colours(image)
    if plain.mode == "L" and len(noise) == 3:
        noise = np.rint(noise.astype(np.float32).mean(0, keepdims=True)).astype(np.int8)
    elif plain.mode == "RGB" and len(noise) == 1:
        noise = np.repeat(noise, 3, axis=0)
    added = enlarged(noise, image.width, image.height, radius)
    changed = ImageChops.add(plain, added, scale=1.0, offset=-128)  # keeps to 0..255 by itself
    if image.mode not in ("LA", "RGBA"):
        return changed
    return Image.merge(image.mode, (*changed.split(), image.getchannel("A")))


def difference(before: Image.Image, after: Image.Image) -> dict[str, float]:
    """How far two pictures of one size are apart in colour: linf, mae and mse, of 255."""
    first, second = colours(before), colours(after)
    if first.mode != second.mode:
        first, second = first.convert("RGB"), second.convert("RGB")
    counts = np.array(ImageChops.difference(first, second).histogram(), np.int64).reshape(-1, 256).sum(0)
    steps = np.arange(256)
    return {
        "linf": float(np.flatnonzero(counts)[-1]),
        "mae": float(counts @ steps / counts.sum()),
        "mse": float(counts @ steps**2 / counts.sum()),
    }
