"""A network that is shown one modality, whoever calls it."""

import numpy as np
import pytest
import torch

from cipa import create_model
from cipa.errors import UsageError
from cipa.inference.modalities import takes, with_inputs
from cipa.inference.predictor import Predictor

SIZE = 128


@pytest.fixture(scope="module")
def pair():
    return np.random.default_rng(0).integers(0, 256, (2, 1, SIZE, SIZE), dtype=np.uint8)


def network(**settings):
    torch.manual_seed(0)
    return create_model("nano", image_size=SIZE, **settings).eval()


def answer(model, ct, pet):
    return Predictor(model, "cpu").predict_slices(ct, pet)


@pytest.mark.parametrize("inputs", ["ct", "pet"])
def test_what_it_is_not_shown_cannot_change_its_answer(pair, inputs):
    ct, pet = pair
    shown = with_inputs(network(), inputs)
    changed = (ct, 255 - pet) if inputs == "ct" else (255 - ct, pet)
    assert np.array_equal(answer(shown, ct, pet), answer(shown, *changed))
    blank = np.zeros_like(ct)
    by_hand = answer(network(), *((ct, blank) if inputs == "ct" else (blank, pet)))
    assert np.array_equal(answer(shown, ct, pet), by_hand)


def test_a_network_trained_on_pet_alone_is_shown_pet_alone_unasked(pair):
    ct, pet = pair
    model = network(inputs="pet")
    assert np.array_equal(answer(model, ct, pet), answer(model, 255 - ct, pet))
    with pytest.raises(UsageError, match="trained on pet alone"):
        with_inputs(model, "ct")


def test_only_dropout_or_its_own_inputs_prepare_a_network():
    assert takes(network(), None)
    assert not takes(network(), "pet")
    assert takes(network(modality_dropout=0.3), "pet")
    assert takes(network(inputs="pet"), "pet")
