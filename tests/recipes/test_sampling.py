"""What a batch is made of: slices answered wrongly, tumours without uptake, a modality left out."""

import pytest
import torch
from recipes.patients.hardness import Hardness, wrong_share
from recipes.patients.intensity import to_network
from recipes.patients.prepare import prepare_patients, read_files
from recipes.patients.recipe import Recipe, Variation
from recipes.patients.sampler import Sampler
from recipes.patients.volumes import load_volumes


@pytest.fixture
def patients(volumes, tmp_path):
    prepare_patients(volumes, tmp_path / "sts")
    return load_volumes(read_files(tmp_path / "sts"), torch.device("cpu"))


def _batch(patients, **changes):
    torch.manual_seed(0)
    still = {"affine": 0.0, "crop": 0.0, "misalign": 0.0, "mirror": 0.0, "upside_down": 0.0, "shift": 0.0}
    recipe = Recipe(
        size=128, pixel=2.0, batch=16, lesion_free=0.0, variation=Variation(**{**still, **changes})
    )
    return Sampler((patients, None), recipe, 1).batch(), recipe


def test_a_cold_tumour_takes_up_little_more_than_its_surroundings(patients):
    warm, _ = _batch(patients)
    cold, _ = _batch(patients, cold=1.0)
    assert torch.equal(warm.mask, cold.mask)
    assert torch.equal(warm.ct, cold.ct)
    inside = warm.mask > 0.99
    assert cold.pet[inside].mean() < 0.6 * warm.pet[inside].mean()
    assert (cold.pet <= warm.pet + 1e-4).all()
    far = torch.nn.functional.max_pool2d(warm.mask, 31, 1, 15) == 0
    assert torch.allclose(cold.pet[far], warm.pet[far])


def test_pet_is_left_out_more_often_than_ct_where_its_share_says_so(patients):
    samples, recipe = _batch(patients, dropout=1.0, pet_share=1.0, noise=0.0, blur=0.0)
    ct, pet, _ = to_network(samples, recipe)
    assert (pet == -1.6).all()
    assert (ct > -1.6).any()


def test_wrong_slices_and_their_neighbours_are_drawn_more_often(patients):
    hardness = Hardness(patients)
    own = patients.slices_of(1)
    worst = own.start + 1
    for _ in range(8):
        hardness.follow(torch.arange(len(patients.shows)), torch.zeros(len(patients.shows)))
    hardness.follow(torch.tensor([worst]), torch.tensor([1.0]))
    assert (hardness.value[worst - 1 : worst + 3] > 0.4).all()
    assert hardness.value[patients.slices_of(0).stop - 1] < 0.01  # of another patient
    sampler = Sampler((patients, None), Recipe(batch=4, hard=50.0), 1)
    sampler.hardness = [hardness]
    drawn = torch.cat([sampler._draw(0, 64, 0.5) for _ in range(8)])
    near = ((drawn >= worst - 1) & (drawn <= worst + 2)).float().mean()
    sampler.recipe = Recipe(batch=4)
    plain = torch.cat([sampler._draw(0, 64, 0.5) for _ in range(8)])
    assert near > 1.5 * ((plain >= worst - 1) & (plain <= worst + 2)).float().mean()


def test_a_sampler_takes_note_of_its_last_batch(patients):
    sampler = Sampler((patients, None), Recipe(size=64, pixel=4.0, batch=6, hard=1.0), 1)
    sampler.batch()
    before = sampler.hardness[0].value.clone()
    sampler.follow(torch.ones(6))
    assert (sampler.hardness[0].value >= before).all()
    assert (sampler.hardness[0].value > before).any()


def test_wrong_pixels_count_against_the_tumours_size():
    mask = torch.zeros(3, 1, 20, 20)
    mask[0, 0, :10, :10] = 1
    logits = torch.full_like(mask, -5.0)
    logits[1, 0, :2, :5] = 5.0
    assert wrong_share(logits, mask).tolist() == pytest.approx([100 / 120, 10 / 20, 0.0])
