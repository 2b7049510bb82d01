"""A secret in the noise of a noise network: it changes the noise of every class, and follows from the key alone."""

import torch
from torch import Tensor

from core.attacks.norms import PIXEL
from core.noise.noise_network import NoiseNetwork
from core.noise.secret_directions import with_secret_directions
from tests.support.generator_files import a_model
from tests.support.noise_networks import a_network, some_images


@torch.no_grad()
def noise_of(network: NoiseNetwork) -> Tensor:
    pixels, labels = some_images(12)
    return network.eval()(pixels * PIXEL, labels)


def test_the_noise_follows_from_the_key_and_the_network_stays_as_it_is() -> None:
    network = a_network(a_model(classes=5))
    public = noise_of(network)
    one, same, other = (noise_of(with_secret_directions(network, key)) for key in (b"one", b"one", b"other"))
    assert torch.equal(one, same)
    assert torch.equal(noise_of(network), public)
    for noise in (one, other):
        assert ((noise != public).flatten(1).float().mean(1) > 0.9).all()
    assert ((one != other).flatten(1).float().mean(1) > 0.9).all()


def test_the_vectors_are_rotated_among_each_other() -> None:
    network = a_network(a_model(classes=5))
    before, after = (one.directions.weight.detach() for one in (network, with_secret_directions(network, b"key")))
    torch.testing.assert_close(after.T @ after, before.T @ before)
    assert not torch.allclose(after, before, atol=0.1)
