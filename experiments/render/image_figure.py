"""A figure of pictures as PNG: for each image a row with each noise below the image that it makes."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from core.runtime.atomic_files import write_bytes
from experiments.measure import ExperimentCache
from experiments.paper.image_figure import ImageFigure, noises_of
from experiments.render.pages import facts, opening, write_pages

LEAST_SIDE, GAP, HEAD, MARGIN = 96, 6, 20, 96


def write_image_figure(
    figure: ImageFigure, cache: ExperimentCache, out: Path, *, seeds: int, dataset: str | None
) -> list[Path]:
    """The figure, of seed 0."""
    chosen = _one_of_each_class(cache.images.train_labels, figure.images)
    drawing = out / f"{figure.name}.png"
    write_bytes(drawing, _png(_drawn(figure, cache, chosen)))
    notes = [
        "Grey is no change; the noise is stretched so that radius_u is black or white. Noise of seed 0.",
        f"Training images {', '.join(map(str, chosen))}: the first of as many classes.",
    ]
    text = opening(figure, cache, seeds=1, dataset=dataset, notes=notes)
    value = {
        **facts(figure, cache, seeds=1, dataset=dataset),
        "images": chosen,
        "noises": [noise.name for noise in figure.noises],
        "notes": notes,
    }
    return [drawing, *write_pages(figure.name, [*text, "", f"![{figure.title}]({drawing.name})"], value, out)]


def _one_of_each_class(labels: NDArray[np.int64], count: int) -> list[int]:
    _, first = np.unique(labels, return_index=True)
    return [int(place) for place in first[:count]]


def _drawn(figure: ImageFigure, cache: ExperimentCache, chosen: list[int]) -> Image.Image:
    side = LEAST_SIDE * max(1, cache.images.size // LEAST_SIDE)
    columns = len(noises_of(8))
    height = 2 * (side + GAP)
    sheet = Image.new(
        "RGB", (MARGIN + columns * (side + GAP), HEAD + len(figure.radii_u) * len(chosen) * height), "white"
    )
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for row, (radius, place) in enumerate((radius, place) for radius in figure.radii_u for place in chosen):
        top = HEAD + row * height
        pen.text((4, top + side - 8), f"radius_u {radius}/255", fill="black", font=font)
        clean = cache.images.train[place]
        for column, (title, noise) in enumerate(noises_of(radius).items()):
            left = MARGIN + column * (side + GAP)
            pen.text((left, 3), title, fill="black", font=font)
            found = np.zeros(clean.shape, np.int8) if noise is None else cache.load_noise(noise, 0)[place]
            sheet.paste(_picture(clean + found.view(np.uint8), side), (left, top))
            if noise is not None:
                sheet.paste(_picture(_stretched(found, radius), side), (left, top + side + GAP // 2))
    return sheet


def _stretched(noise: NDArray[np.int8], radius: int) -> NDArray[np.uint8]:
    return np.rint(127.5 + 127.5 / radius * noise.astype(np.float64)).clip(0, 255).astype(np.uint8)


def _picture(pixels: NDArray[np.uint8], side: int) -> Image.Image:
    """Pixels (c, s, s), grey or RGB, as a square of `side` px with hard edges."""
    enlarged = np.repeat(pixels, 3, axis=0) if len(pixels) == 1 else pixels
    image = Image.fromarray(np.ascontiguousarray(enlarged.transpose(1, 2, 0)))
    return image.resize((side, side), Image.Resampling.NEAREST)


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
