"""Using a trained generator: whether it fits, which output is which class, and what is said of it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import SpecError
from core.generators import shipped as generators
from core.generators.card import read_card
from core.generators.compatibility import apply_generator_constraints, incompatibilities, may_have_trained_on
from core.noise.class_map import class_map
from core.noise.generator_file import describe_use, load_generator, save_generator, surrogate_for
from tests.support.generator_files import a_card, a_model, write_generator


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A generator's file."""
    return write_generator(tmp_path)


def test_the_message_states_what_does_not_fit() -> None:
    card = a_card(size=64)
    assert (
        incompatibilities(card, channels=3, size=64, classes=3)
        == incompatibilities(card, channels=1, size=128, classes=2)
        == ""
    )
    assert incompatibilities(card) == ""
    assert "makes noise at 64 px, and these images are about 32 px" in incompatibilities(card, size=32)
    assert "was trained on 3 classes, and this dataset has 4" in incompatibilities(card, classes=4)
    both = incompatibilities(a_card(channels=1), channels=3, classes=9)
    assert "“drawn” does not fit" in both
    assert "grey" in both
    assert "9" in both


def test_a_generator_brings_its_method_and_radii() -> None:
    own = {"method": "sem", "radius_u": 8, "radius_a": 4}
    assert apply_generator_constraints({"seed": 3, "method": None}, a_card()) == {"seed": 3, **own}
    assert apply_generator_constraints(own, a_card()) == own
    with pytest.raises(SpecError) as refused:
        apply_generator_constraints({"radius_u": 16, "method": "em", "radius_a": 4}, a_card())
    assert {e.field: e.message for e in refused.value.errors} == {
        "method": "must be sem: the generator “drawn” was trained for that alone",
        "radius_u": "must be 8: the generator “drawn” was trained for that alone",
    }


def test_classes_map_one_to_one_where_there_are_outputs_enough() -> None:
    for classes in range(2, 8):
        assert len(set(class_map(classes, outputs=7).tolist())) == classes
    assert class_map(5, outputs=3).tolist() == [0, 1, 2, 0, 1]
    assert class_map(5, outputs=3)[np.array([4, 0, 3])].tolist() == [1, 0, 0]


def test_a_generator_for_colour_takes_greyscale_images(file: Path) -> None:
    generator = load_generator(file, device="cpu")
    x = torch.rand(4, 1, 32, 32, generator=torch.Generator().manual_seed(3))
    assert torch.equal(surrogate_for(generator, channels=1)(x), generator.model(x.repeat(1, 3, 1, 1)))
    assert surrogate_for(generator, channels=3) is generator.model


def test_its_use_is_described_with_the_card(file: Path) -> None:
    said = describe_use(load_generator(file, device="cpu"), classes=2, channels=3, may_know_images=False)
    assert said["card"] == a_card().to_dict()
    assert said["class_outputs"] == [0, 1]
    assert str(said["trained"]).endswith(f"images of “{a_card().data}”")
    json.dumps(said, allow_nan=False)
    said = describe_use(load_generator(file, device="cpu"), classes=2, channels=3, may_know_images=True)
    assert str(said["trained"]).endswith("which may include these images")


@pytest.mark.parametrize(
    ("name", "classes", "known"),
    [
        ("Drawings", ("elk", "fox"), True),
        ("pets", ("Cat", "dog"), True),
        ("pets", ("cat", "dog", "newt"), True),
        ("pets", ("cat", "elk"), False),
        ("pets", ("elk", "fox"), False),
    ],
)
def test_a_dataset_of_the_same_name_or_classes_may_be_known(name: str, classes: tuple[str, ...], known: bool) -> None:
    assert may_have_trained_on(a_card(data="drawings"), name=name, classes=classes) is known


def test_measured_protection_travels_with_the_card(tmp_path: Path) -> None:
    card = replace(a_card(), measured={"cifar": {"standard": [0.7, 0.2]}})
    save_generator(a_model(), card, tmp_path / "m.safetensors")
    assert read_card(tmp_path / "m.safetensors").measured == {"cifar": {"standard": [0.7, 0.2]}}


def test_every_generator_that_ships_can_be_used() -> None:
    shipped = list(generators.WEIGHTS_FOLDER.glob("*.safetensors"))
    assert shipped
    for path in shipped:
        assert load_generator(path, device="cpu").card.measured is not None, path.name
