"""The noise of a protection: which method, and what each image gets."""

import secrets
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.archive.noise_source import ClassTextures, NoiseArrays, NoiseSource
from core.errors import BadInput
from core.imaging.texture_codebook import KEY_BYTES, TextureCodebook
from core.noise.class_map import class_map
from core.noise.final_search import search_noise
from core.noise.generator_file import TrainedGenerator, network_for, surrogate_for
from core.noise.inference import predict_noise
from core.noise.joint_training import train_jointly
from core.noise.make import generate_noise
from core.noise.secret_directions import with_secret_directions
from core.recipes.protection_data import ProtectionData
from core.runtime.context import RunContext
from core.specs.protect import TEXTURE, ProtectSpec
from core.specs.visibility import too_small_for_textures

TEXTURE_WORK_SIZE = 128
"""Largest side in pixels at which protections by textures are measured. The textures have each image's own size."""

KEY_CHECKPOINT = "secret-key"


def with_method(spec: ProtectSpec, *, photographs: bool) -> ProtectSpec:
    """The spec with the method `texture`, if it is the default for these images.

    Args:
        spec: What was requested, for a protection without a trained generator.
        photographs: Whether the images are photographs (`core.specs.small_images`).

    Raises:
        BadInput: The method is `texture`, and the images are too small for it.
    """
    if spec.method == TEXTURE and not photographs:
        raise BadInput(f"The method texture {too_small_for_textures()}.")
    if spec.method is None and photographs and spec.preset != "paper":
        return spec.model_copy(update={"method": TEXTURE})
    return spec


def noise_source(data: ProtectionData, run: RunContext) -> NoiseSource:
    """The noise of all images: textures, or made by a generator, or by a network that is trained on the dataset.

    Args:
        data: What is protected, and how.
        run: The checkpoints hold the secret key of the textures or of a generator's noise, the trained networks and
            each finished shard of noise.
    """
    images, generator = data.images, data.generator
    if data.setup.method == TEXTURE:
        return ClassTextures(
            labels=images.labels,
            codebook=TextureCodebook(images.classes, _secret_key(run)),
            channels=data.channels,
            size=data.work_size,
        )
    if data.start is not None:
        return NoiseArrays(_joint_noise(data, data.start, run))
    if generator is None:
        noise = generate_noise(images, data.setup, run, protect_mask=data.protect_mask, train_mask=data.train_mask)
        return NoiseArrays(noise)
    outputs = class_map(images.classes, outputs=generator.card.classes)[images.labels]
    images = replace(images, labels=outputs, classes=generator.card.classes)
    if network := network_for(generator, channels=data.channels):
        network, radius = with_secret_directions(network, _secret_key(run)), data.setup.spec.radius_u
        return NoiseArrays(predict_noise(network, images, run, radius=radius, protect_mask=data.protect_mask))
    surrogate = surrogate_for(generator, channels=data.channels)
    return NoiseArrays(search_noise(surrogate, images, data.setup, run, protect_mask=data.protect_mask))


def _joint_noise(data: ProtectionData, start: TrainedGenerator, run: RunContext) -> NDArray[np.int8]:
    """The noise of a shipped noise network that is trained on the training images, int8 (n, c, s, s)."""
    images, network, outputs = data.images, start.network, start.card.classes
    assert network is not None, "it was chosen for its network"
    trained = train_jointly(network, images.select(data.train_mask), data.setup, run, outputs=outputs)
    mapped = replace(images, labels=class_map(images.classes, outputs=outputs)[images.labels], classes=outputs)
    radius = data.setup.spec.radius_u
    return predict_noise(trained, mapped, run, radius=radius, protect_mask=data.protect_mask)


def _secret_key(run: RunContext) -> bytes:
    """The secret key of this job: drawn once, so that a job that resumes gives the same bytes."""
    key = run.checkpoints.load(KEY_CHECKPOINT)
    if key is None or len(key) != KEY_BYTES:
        key = secrets.token_bytes(KEY_BYTES)
        run.checkpoints.save(KEY_CHECKPOINT, key)
    return key
