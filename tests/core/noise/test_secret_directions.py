"""A secret in the noise of a noise network: it changes the noise of every class, and follows from the key alone."""

import pytest
import torch
from torch import Tensor

from core.attacks.norms import PIXEL
from core.generators.secret_vectors import MIN_ROTATED
from core.noise.noise_network import NoiseNetwork
from core.noise.secret_directions import with_secret_directions
from tests.support.generator_files import a_model
from tests.support.noise_networks import a_network, some_images


@torch.no_grad()
def noise_of(network: NoiseNetwork) -> Tensor:
    pixels, labels = some_images(12)
    return network.eval()(pixels * PIXEL, labels)


@pytest.mark.parametrize("classes", [5, MIN_ROTATED])
def test_the_noise_follows_from_the_key_and_the_network_stays_as_it_is(classes: int) -> None:
    network = a_network(a_model(classes=classes))
    public = noise_of(network)
    one, same, other = (noise_of(with_secret_directions(network, key)) for key in (b"one", b"one", b"other"))
    assert torch.equal(one, same)
    assert torch.equal(noise_of(network), public)
    for noise in (public, other):
        assert not torch.equal(one, noise)
    if classes == MIN_ROTATED:
        assert ((one != public).flatten(1).float().mean(1) > 0.9).all()


def vectors(classes: int) -> tuple[Tensor, Tensor]:
    """The vectors of a network before and after."""
    network = a_network(a_model(classes=classes))
    return network.directions.weight.detach(), with_secret_directions(network, b"key").directions.weight.detach()


def test_few_vectors_are_dealt_out_anew() -> None:
    before, after = vectors(5)
    assert sorted(before.tolist()) == sorted(after.tolist())
    assert not torch.equal(before, after)


def test_many_vectors_are_rotated_among_each_other() -> None:
    before, after = vectors(MIN_ROTATED)
    torch.testing.assert_close(after.T @ after, before.T @ before)
    assert not torch.allclose(after, before, atol=0.1)
