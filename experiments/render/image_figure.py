"""A figure of images as PNG. Each row shows an image with each noise, and below it the noise."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from core.runtime.atomic_files import write_bytes
from experiments.measure import ExperimentCache
from experiments.paper.image_figure import ImageFigure, noises_of
from experiments.render.context import RenderContext
from experiments.render.pages import facts, opening, write_pages

MIN_SIDE, GAP, HEAD, MARGIN = 96, 6, 20, 96


def write_image_figure(figure: ImageFigure, context: RenderContext) -> list[Path]:
    """Write the figure with the noises of seed 0.

    Args:
        figure: the experiment.
        context: the results to show, and where to write the pages.

    Returns:
        The files that were written.
    """
    context = replace(context, seeds=1)
    cache = context.cache
    indices = _one_of_each_class(cache.images.train_labels, figure.images)
    drawing = context.out / f"{figure.name}.png"
    write_bytes(drawing, _png(_draw(figure, cache, indices)))
    notes = [
        "Grey is no change; the noise is stretched so that radius_u is black or white. Noise of seed 0.",
        f"Training images {', '.join(map(str, indices))}: the first of as many classes.",
    ]
    text = opening(figure, context, notes=notes)
    value = {
        **facts(figure, context),
        "images": indices,
        "noises": [noise.name for noise in figure.noises],
        "notes": notes,
    }
    text += ["", f"![{figure.title}]({drawing.name})"]
    return [drawing, *write_pages(figure.name, text, value, context.out)]


def _one_of_each_class(labels: NDArray[np.int64], count: int) -> list[int]:
    _, first = np.unique(labels, return_index=True)
    return [int(index) for index in first[:count]]


def _draw(figure: ImageFigure, cache: ExperimentCache, indices: list[int]) -> Image.Image:
    side = MIN_SIDE * max(1, cache.images.size // MIN_SIDE)
    columns = len(noises_of(8))
    height = 2 * (side + GAP)
    canvas = Image.new(
        "RGB", (MARGIN + columns * (side + GAP), HEAD + len(figure.radii_u) * len(indices) * height), "white"
    )
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(12)
    for row, (radius, index) in enumerate((radius, index) for radius in figure.radii_u for index in indices):
        top = HEAD + row * height
        draw.text((4, top + side - 8), f"radius_u {radius}/255", fill="black", font=font)
        clean = cache.images.train[index]
        for column, (title, noise) in enumerate(noises_of(radius).items()):
            left = MARGIN + column * (side + GAP)
            draw.text((left, 3), title, fill="black", font=font)
            values = np.zeros(clean.shape, np.int8) if noise is None else cache.load_noise(noise, 0)[index]
            canvas.paste(_enlarge(clean + values.view(np.uint8), side), (left, top))
            if noise is not None:
                canvas.paste(_enlarge(_stretch(values, radius), side), (left, top + side + GAP // 2))
    return canvas


def _stretch(noise: NDArray[np.int8], radius: int) -> NDArray[np.uint8]:
    return np.rint(127.5 + 127.5 / radius * noise.astype(np.float64)).clip(0, 255).astype(np.uint8)


def _enlarge(pixels: NDArray[np.uint8], side: int) -> Image.Image:
    """The image of pixels (c, s, s), greyscale or RGB, enlarged to `side` px without interpolation."""
    rgb = np.repeat(pixels, 3, axis=0) if len(pixels) == 1 else pixels
    image = Image.fromarray(np.ascontiguousarray(rgb.transpose(1, 2, 0)))
    return image.resize((side, side), Image.Resampling.NEAREST)


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
