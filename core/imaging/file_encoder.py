"""Encode versions of one image, as finely as the size of their files allows. Runs in the sandbox only."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from PIL import Image

from core.errors import ImageRefused
from core.imaging.compression import finer_settings, is_lossy, lossy_settings
from core.imaging.decode import DecodedImage, decode
from core.imaging.encode import encode, save
from core.imaging.formats import MAX_GROWTH, delivered_format

ESTIMATE_TOLERANCE = 1.25  # of a size by parts; one settings too fine costs another attempt, one too coarse goes unseen


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedImage:
    """An encoded image.

    Attributes:
        encoded: The file.
        decoded: The image as it is decoded from the file.
        scale: The factor of its noise.
        flip: How visible the change is, from 0, invisible; 0 where it was not measured.
        noise: Mean absolute value of the scaled noise, of 255; 0 where it was not measured.
    """

    encoded: bytes
    decoded: Image.Image
    scale: float = 1.0
    flip: float = 0.0
    noise: float = 0.0


class FileEncoder:
    """Encodes versions of one image that differ by their noise.

    The first version decides how finely all are compressed; a later one is compressed more coarsely where it must be.

    Args:
        original: The decoded file that the image comes from.
        format: PNG, JPEG, WEBP, BMP, TIFF or AVIF.
        keep_exif: Whether EXIF and XMP are kept.
        settings: Of a file with loss: the options of `Image.save` to choose from, from the finest to the coarsest. The
            finest that MAX_GROWTH allows is taken, else the coarsest. None for a file without loss.
    """

    def __init__(
        self, original: DecodedImage, *, format: str, keep_exif: bool, settings: Sequence[dict[str, Any]] = ()
    ) -> None:
        self._original, self._format, self._keep_exif = original, format, keep_exif
        self._settings = settings
        self._chosen: int | None = None  # the number of the settings
        self._max_bytes = MAX_GROWTH * original.compression.file_bytes

    def deliver(self, image: Image.Image) -> EncodedImage:
        """A version of the image as a file, and as it is decoded from the file.

        Args:
            image: L, RGB, LA or RGBA.

        Raises:
            ImageRefused: The encoder changed the size.
        """
        encoded = self._finest(image) if self._settings else self._encoded(image, None)
        return EncodedImage(encoded=encoded, decoded=self._as_delivered(encoded, image))

    def compress(self, part: Image.Image) -> Image.Image:
        """A part of a version of the image, as it is decoded from a file of its own.

        Args:
            part: Compressed by the settings that are chosen so far, else by the finest.
        """
        if not self._settings:
            return part
        return self._as_delivered(save(part, self._format, self._settings[self._chosen or 0]), part)

    def choose_settings(self, parts: Sequence[Image.Image], share: float) -> None:
        """Choose how finely a large image is compressed by parts of it, which takes less time than the whole.

        Args:
            parts: Of a version of the image.
            share: Of its pixels that lie in the parts.
        """

        def fits(number: int) -> bool:
            size = sum(len(save(part, self._format, self._settings[number])) for part in parts)
            return size <= ESTIMATE_TOLERANCE * share * self._max_bytes

        if self._settings:
            self._chosen = self._first_that(fits)

    def _finest(self, image: Image.Image) -> bytes:
        files: dict[int, bytes] = {}

        def fits(number: int) -> bool:
            files[number] = self._encoded(image, self._settings[number])
            return len(files[number]) <= self._max_bytes

        if self._chosen is None:
            self._chosen = self._first_that(fits)
        else:
            while not fits(self._chosen) and self._chosen < self._coarsest:
                self._chosen += 1
        return files.get(self._chosen) or self._encoded(image, self._settings[self._chosen])

    def _first_that(self, fits: Callable[[int], bool]) -> int:
        """The number of the first settings that fit, else of the coarsest. Coarser ones give smaller files."""
        return bisect_left(range(self._coarsest), True, key=fits)

    @property
    def _coarsest(self) -> int:
        return len(self._settings) - 1

    def _encoded(self, image: Image.Image, settings: dict[str, Any] | None) -> bytes:
        return encode(image, self._original, format=self._format, keep_exif=self._keep_exif, settings=settings)

    def _as_delivered(self, encoded: bytes, image: Image.Image) -> Image.Image:
        delivered = decode(encoded).image
        if delivered.mode != image.mode and delivered.mode != self._original.image.mode:
            delivered = delivered.convert(image.mode)  # an AVIF of a greyscale image is decoded as RGB
        if delivered.size != image.size:
            raise ImageRefused("the encoder changed its size")
        return delivered


class UploadEncoders:
    """The encoders of versions of an uploaded image.

    Args:
        original: The decoded upload.
        format: `png`, or `same` for the format of the upload.
        keep_exif: Whether EXIF and XMP are kept.
        fine_colour: Whether the noise has colours as fine as pixels.
        luma_only: Whether the noise has no colours.

    Attributes:
        format: Of the delivered files: PNG, JPEG, WEBP, BMP, TIFF or AVIF.
        lossy: Whether they are compressed with loss.
    """

    def __init__(
        self, original: DecodedImage, *, format: str, keep_exif: bool, fine_colour: bool = False, luma_only: bool
    ) -> None:
        source = original.compression
        self.format = delivered_format(original.format, original.image.mode, format)
        self.lossy = is_lossy(self.format, source)
        self._new = partial(FileEncoder, original, format=self.format, keep_exif=keep_exif)
        self._usual: list[dict[str, Any]] = []
        self._finer: list[dict[str, Any]] = []
        if self.lossy:
            self._usual = lossy_settings(self.format, source, fine_colour=fine_colour, luma_only=luma_only)
            self._finer = finer_settings(self.format, source)

    def usual(self) -> FileEncoder:
        """A new encoder, which compresses as finely as the size of the files allows."""
        return self._new(settings=self._usual)

    def finer(self) -> list[FileEncoder]:
        """New encoders that compress finer where they must, from the coarsest up; none for files without loss."""
        return [self._new(settings=[options]) for options in self._finer]
