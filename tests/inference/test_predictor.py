import pickle
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

import cipa
from cipa.data.intensity import normalise
from cipa.data.neighbours import stack_neighbours
from cipa.errors import DataError, UsageError
from cipa.inference.compiled import compile_on_gpu
from cipa.inference.predictor import Predictor
from cipa.ops.backend import requested_backend, use_backend


def slices(count, size=32, seed=0):
    random = np.random.default_rng(seed)
    return tuple(random.integers(0, 256, (count, size, size), dtype=np.uint8) for _ in range(2))


def expected(ct, pet):
    return (pet > 127) & (ct > 100)


@pytest.mark.parametrize("batch_size", [1, 3, 4, 100])
def test_slices_come_back_in_order_whatever_the_batch(network, batch_size):
    ct, pet = slices(7)
    predictor = Predictor(network(), "cpu", batch_size)
    probability = predictor.predict_slices(ct, pet)
    assert probability.shape == (7, 32, 32)
    assert probability.dtype == np.float32
    assert np.array_equal(predictor.mask(probability), expected(ct, pet))
    assert max(len(images) for images, _ in predictor.models[0].seen) <= batch_size


@pytest.mark.parametrize("passes", [2, 3, 9])
def test_passes_side_by_side_share_a_batch(network, passes):
    ct, pet = slices(7)
    predictor = Predictor(network(), "cpu", 4, passes=passes)
    assert np.array_equal(predictor.mask(predictor.predict_slices(ct, pet)), expected(ct, pet))
    assert max(len(images) for images, _ in predictor.models[0].seen) == -(-4 // min(passes, 4))
    again = pickle.loads(pickle.dumps(predictor)).predict_slices(ct, pet)
    assert np.array_equal(again, predictor.predict_slices(ct, pet))


def test_passes_side_by_side_know_the_backend_that_was_forced(network):
    class Asking(nn.Module):
        def __init__(self):
            super().__init__()
            self.config, self.asked = network().config, []

        def forward(self, ct, pet):
            self.asked.append(requested_backend())
            return torch.zeros_like(ct)

    predictor = Predictor(Asking(), "cpu", passes=2)
    with use_backend("reference"):
        predictor.predict_slices(*slices(4))
    assert predictor.models[0].asked == ["reference", "reference"]


def test_a_failed_pass_fails_the_batch(network):
    class Broken(nn.Module):
        config = network().config

        def forward(self, ct, pet):
            return torch.full_like(ct, float("nan" if (ct > 1.5).any() else "0"))

    ct, pet = np.zeros((2, 4, 32, 32), np.uint8)
    ct[3] = 255
    with pytest.raises(DataError, match="not finite"):
        Predictor(Broken(), "cpu", passes=2).predict_slices(ct, pet)


def test_network_sees_normalised_single_channels(network):
    predictor = Predictor(network(), "cpu")
    ct = np.full((1, 32, 32), 255, np.uint8)
    predictor.predict_slices(ct, np.zeros_like(ct))
    seen_ct, seen_pet = predictor.models[0].seen[0]
    assert seen_ct.shape == (1, 1, 32, 32)
    assert seen_ct.unique().item() == pytest.approx(1.6)
    assert seen_pet.unique().item() == pytest.approx(-1.6)


def test_views_of_any_stride_are_taken(network):
    ct, pet = slices(4)
    flipped = Predictor(network(), "cpu").predict_slices(ct[::-1, ::-1], pet[::-1, ::-1])
    assert np.array_equal(flipped[::-1, ::-1], Predictor(network(), "cpu").predict_slices(ct, pet))


def test_threshold_is_the_weights_own_unless_given(network):
    probability = np.array([0.2, 0.5, 0.7], np.float32)
    assert Predictor(network(threshold=0.6), "cpu").mask(probability).tolist() == [0, 0, 1]
    assert Predictor(network(threshold=0.6), "cpu", threshold=0.5).mask(probability).tolist() == [0, 1, 1]
    assert Predictor(network(), "cpu").mask(probability).dtype == np.uint8


class Linear(nn.Module):
    """Answers with the dtype its product is computed in: 0 where float32, 1 where narrower."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.layer = nn.Linear(32, 32, bias=False)

    def forward(self, ct, pet):
        return torch.full_like(ct, 0.0 if self.layer(ct).dtype == torch.float32 else 50.0)


@pytest.mark.parametrize(("precision", "answer"), [("float32", 0.5), ("bf16", 1.0)])
def test_precision_is_that_of_the_forward_pass(network, precision, answer):
    predictor = Predictor(Linear(network().config), "cpu", precision=precision)
    assert np.all(predictor.predict_slices(*slices(1)) == answer)


def test_threads_share_one_predictor(network):
    predictor = Predictor(network(), "cpu")
    work = [slices(3, seed=seed) for seed in range(16)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda pair: predictor.predict_slices(*pair), work))
    for (ct, pet), answer in zip(work, answers, strict=True):
        assert np.array_equal(predictor.mask(answer), expected(ct, pet))


def test_predictor_can_be_sent_to_another_process():
    predictor = Predictor(Travelling(), "cpu")
    ct, pet = slices(2)
    answer = pickle.loads(pickle.dumps(predictor)).predict_slices(ct, pet)
    assert np.array_equal(answer, predictor.predict_slices(ct, pet))


class Configuration:
    image_size, num_classes, threshold = 32, 1, 0.5
    ct_window, suv_max = (-1200.0, 200.0), 20.0


class Travelling(nn.Module):
    config = Configuration()

    def forward(self, ct, pet):
        return pet - ct


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_answer_that_is_not_finite_is_an_error(network, value):
    model = network()
    model.scale.data.fill_(float(value))
    with pytest.raises(DataError, match="not finite in float32"):
        Predictor(model, "cpu").predict_slices(*slices(1))


class Sure(nn.Module):
    """Says the same logit everywhere."""

    def __init__(self, logit, **config):
        super().__init__()
        self.config, self.logit = SimpleNamespace(**(CONFIG | config)), logit

    def forward(self, ct, pet):
        return torch.full_like(ct, self.logit)


CONFIG = {
    "image_size": 32,
    "num_classes": 1,
    "threshold": 0.5,
    "ct_window": (-1200.0, 200.0),
    "suv_max": 20.0,
}


def test_an_ensemble_answers_with_the_mean_probability():
    probability = Predictor([Sure(0.0), Sure(100.0)], "cpu").predict_slices(*slices(2))
    assert np.all(probability == 0.75)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"suv_max": 10.0}, r"must share suv_max: Sure has 20\.0, Sure 10\.0"),
        ({"image_size": 64}, "must share image_size"),
    ],
)
def test_members_that_do_not_belong_together_are_refused(change, words):
    with pytest.raises(UsageError, match=words):
        Predictor([Sure(0.0), Sure(0.0, **change)], "cpu")


def test_settings_in_which_members_differ_are_their_mean_and_said():
    members = [Sure(0.0, smallest_ml=1.0), Sure(0.0, threshold=0.4, smallest_ml=2.0)]
    predictor = Predictor(members, "cpu")
    assert (predictor.threshold, predictor.smallest_ml, predictor.min_suv) == (0.45, 1.5, 1.0)
    assert [line.split(";")[0] for line in predictor.warnings] == [
        "ensemble: the weights store threshold 0.5, 0.4",
        "ensemble: the weights store smallest_ml 1, 2",
    ]
    chosen = Predictor(members, "cpu", threshold=0.3)
    assert chosen.threshold == 0.3
    assert len(chosen.warnings) == 1


def test_no_weights_at_all_are_refused():
    with pytest.raises(UsageError, match="no weights given"):
        Predictor([], "cpu")


def test_weights_come_from_files_and_are_named_without_their_folders(tmp_path):
    for seed in (0, 1):
        torch.manual_seed(seed)
        cipa.create_model("nano", image_size=128).save_pretrained(tmp_path / f"nano{seed}")
    one, other = (Predictor(tmp_path / f"nano{seed}", "cpu") for seed in (0, 1))
    both = Predictor([tmp_path / "nano0", str(tmp_path / "nano1")], "cpu")
    assert both.names == ["nano0", "nano1"]
    ct, pet = slices(1, 128)
    mean = (one.predict_slices(ct, pet) + other.predict_slices(ct, pet)) / 2
    assert np.allclose(both.predict_slices(ct, pet), mean, atol=1e-6)
    assert len({one.digest, other.digest, both.digest}) == 3
    assert one.digest == Predictor(cipa.load_model(tmp_path / "nano0"), "cpu").digest


class Corner(nn.Module):
    """Sees tumour in the upper left quarter of whatever it is shown."""

    config = SimpleNamespace(**CONFIG)

    def forward(self, ct, pet):
        logits = torch.full_like(ct, -100.0)
        logits[..., :16, :16] = 100.0
        return logits


def test_flips_are_turned_back_before_the_mean():
    probability = Predictor(Corner(), "cpu", tta="flips").predict_slices(*slices(1))
    assert np.all(probability == 0.25)  # each quarter is the upper left one of one flip
    ct, pet = slices(2)
    plain, flipped = (
        Predictor(Pixelwise(), "cpu", tta=tta).predict_slices(ct, pet) for tta in (None, "flips")
    )
    assert np.allclose(plain, flipped, atol=1e-6)


class Pixelwise(nn.Module):
    config = SimpleNamespace(**CONFIG)

    def forward(self, ct, pet):
        return ct + 2 * pet


def test_memory_that_ran_out_is_one_line(network):
    model = network()
    model.forward = lambda ct, pet: (_ for _ in ()).throw(torch.OutOfMemoryError("CUDA out of memory"))
    with pytest.raises(DataError, match="out of memory at a batch of 2: take a smaller batch"):
        Predictor(model, "cpu", batch_size=2).predict_slices(*slices(4))


def test_slices_of_another_size_are_refused(network):
    ct, pet = slices(2, size=16)
    with pytest.raises(
        DataError, match=r"CT slices of shape \(2, 16, 16\): these weights take \(2, 32, 32\)"
    ):
        Predictor(network(), "cpu").predict_slices(ct, pet)


def test_unequal_numbers_of_slices_are_refused(network):
    ct, pet = slices(2)
    with pytest.raises(DataError, match="PET slices of shape"):
        Predictor(network(), "cpu").predict_slices(ct, pet[:1])


def test_floats_are_refused_for_their_scale_is_not_known(network):
    ct, pet = slices(2)
    with pytest.raises(DataError, match="PET slices of float32: scale them to 0-255"):
        Predictor(network(), "cpu").predict_slices(ct, pet.astype(np.float32))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_size": 0}, "batch size 0"),
        ({"threshold": 1.5}, r"threshold 1\.5"),
        ({"precision": "fp8"}, "unknown precision 'fp8': choose float32, bf16, fp16"),
        ({"tta": "spin"}, "unknown tta 'spin': choose flips"),
    ],
)
def test_options_out_of_range_are_refused(network, options, words):
    with pytest.raises(UsageError, match=words):
        Predictor(network(), "cpu", **options)


def test_weights_of_several_classes_are_refused(network):
    with pytest.raises(UsageError, match="weights of 3 classes"):
        Predictor(network(num_classes=3), "cpu")


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_compiled_networks_take_the_place_of_the_networks(monkeypatch, precision):
    """On the CPU a compiled network is the folded one; on a GPU it is recorded besides."""
    monkeypatch.setattr(
        "cipa.inference.slices.compile_on_gpu",
        lambda models, batch, dtype: [cipa.compile_model(model, batch, dtype) for model in models],
    )
    torch.manual_seed(0)
    model = cipa.create_model("nano", image_size=128).eval()
    predictor = Predictor(model, "cpu", batch_size=2, precision=precision)
    ct, pet = slices(3, size=128)
    answer = predictor.predict_slices(ct, pet)
    with torch.inference_mode():
        exact = model(*(normalise(torch.from_numpy(grey))[:, None] for grey in (ct, pet))).sigmoid()
    assert np.allclose(answer, exact[:, 0].numpy(), atol=1e-5 if precision == "float32" else 0.03)
    again = pickle.loads(pickle.dumps(predictor))
    assert np.array_equal(again.predict_slices(ct, pet), answer)


def test_networks_on_the_cpu_and_networks_of_others_are_not_compiled(network):
    models = [cipa.create_model("nano", image_size=128), network()]
    assert all(compile_on_gpu([model], 2, "float32") == [model] for model in models)


def test_a_network_of_three_slices_takes_stacks_alone(network):
    class Middle(type(network())):
        def forward(self, ct, pet):
            assert ct.shape[1] == pet.shape[1] == 3
            return super().forward(ct[:, 1:2], pet[:, 1:2])

    ct, pet = slices(4)
    stacks = [stack_neighbours(images, 3) for images in (ct, pet)]
    found = Predictor(Middle(slices=3), "cpu").predict_slices(*stacks)
    assert np.array_equal(found, Predictor(network(), "cpu").predict_slices(ct, pet))
    with pytest.raises(DataError, match=r"take \(4, 3, 32, 32\)"):
        Predictor(Middle(slices=3), "cpu").predict_slices(ct, pet)
