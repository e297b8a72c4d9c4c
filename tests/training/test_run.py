"""A run from beginning to end, what it leaves behind, and how it ends when it cannot go on."""

import csv
import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from cipa.data.pclt20k import patient_of, read_ids
from cipa.errors import DataError, UsageError
from cipa.models.checkpoints.load import load_model
from cipa.training.run import train
from cipa.training.slices import read_slices


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_learns_and_leaves_its_tables_and_weights(helpers, stub, data, tmp_path, capsys):
    result = train(helpers.small_recipe(epochs=8), data, tmp_path / "run")

    assert (result.step, result.total_steps, result.stopped_by) == (24, 24, 0)
    metrics, validation = rows_of(tmp_path / "run/metrics.csv"), rows_of(tmp_path / "run/validation.csv")
    assert [int(row["step"]) for row in metrics] == list(range(1, 25))
    assert float(metrics[-1]["loss"]) < 0.8 * float(metrics[0]["loss"])
    assert [int(row["epoch"]) for row in validation] == list(range(1, 9))
    assert result.best_dice == pytest.approx(max(float(row["dice"]) for row in validation), abs=1e-8)
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "best", "config.yaml", "last", "metrics.csv", "split.json", "state", "validation.csv",
    }  # fmt: skip
    shown = capsys.readouterr().out
    assert "learns from 12 slices with tumour and 0 without, of 4 patients" in shown
    assert "epoch 8  validation: Dice" in shown


def test_gradients_accumulate_to_those_of_the_whole_batch(helpers, stub, data, tmp_path, monkeypatch):
    """Batch normalisation sees micro-batches, so it is left out here."""
    monkeypatch.setattr("torch.nn.BatchNorm2d.forward", lambda _, x: x)
    for size in (1, 4):
        train(helpers.small_recipe(micro_batch=size), data, tmp_path / str(size))
    one, four = (helpers.weights_of(tmp_path / size / "last") for size in "14")
    for name, tensor in one.items():
        torch.testing.assert_close(four[name], tensor, rtol=0, atol=1e-4, msg=name)


def test_images_that_leave_a_norm_a_single_value_are_refused_in_one_line(helpers, data, tmp_path):
    recipe = helpers.small_recipe(micro_batch=1)
    with pytest.raises(UsageError, match=r"--image-size 128 with one slice at once .* --micro-batch 2"):
        train(recipe, data, tmp_path / "run")


def test_the_average_is_what_is_kept(helpers, stub, data, tmp_path):
    train(helpers.small_recipe(), data, tmp_path / "plain")
    train(helpers.small_recipe(ema_decay=0.5), data, tmp_path / "average")
    state = torch.load(tmp_path / "average/state/state.pt", weights_only=True)
    kept = helpers.weights_of(tmp_path / "average/last")["first.weight"]
    assert torch.equal(
        state["model"]["first.weight"], helpers.weights_of(tmp_path / "plain/last")["first.weight"]
    )
    assert torch.equal(kept, state["average"]["module.first.weight"])
    assert not torch.equal(kept, state["model"]["first.weight"])


def test_bf16_trains_and_differs_from_fp32(helpers, stub, data, tmp_path):
    for precision in ("bf16", "fp32"):
        train(helpers.small_recipe(precision=precision), data, tmp_path / precision)
    losses = [float(rows_of(tmp_path / name / "metrics.csv")[-1]["loss"]) for name in ("bf16", "fp32")]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)
    assert losses[0] != losses[1]


def test_a_loss_that_is_not_finite_names_step_and_slices_and_saves_nothing(
    helpers, stub, data, tmp_path, monkeypatch
):
    from cipa.training import trainer

    real, calls = trainer.segmentation_loss, []

    def failing(logits, mask, **options):
        calls.append(1)
        return real(logits, mask, **options) * (
            float("nan") if len(calls) > 8 else 1
        )  # two micro-batches a step

    monkeypatch.setattr(trainer, "segmentation_loss", failing)
    with pytest.raises(
        DataError, match=r"^the loss is no longer finite at step 4 \(epoch 2\) on slices 0"
    ) as stop:
        train(helpers.small_recipe(), data, tmp_path / "run")
    assert "\n" not in str(stop.value)
    state = torch.load(tmp_path / "run/state/state.pt", weights_only=True)
    assert state["position"]["step"] == 3
    assert all(tensor.isfinite().all() for tensor in state["model"].values())


def test_gradients_that_are_not_finite_never_reach_a_checkpoint(helpers, stub, data, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "cipa.training.trainer.learning_rate", lambda step, *_: float("inf") if step == 2 else 0.01
    )
    with pytest.raises(DataError, match="the weights are no longer finite at step 3"):
        train(helpers.small_recipe(), data, tmp_path / "run")
    assert not (tmp_path / "run/last").exists()
    assert not (tmp_path / "run/state").exists()


def test_validation_on_the_test_set_is_announced_and_on_none_keeps_the_last(
    helpers, stub, data, tmp_path, capsys
):
    train(helpers.small_recipe(epochs=1, validation="test"), data, tmp_path / "test")
    assert "warning: best weights will be chosen on the test set" in capsys.readouterr().out
    result = train(helpers.small_recipe(epochs=1, validation="none"), data, tmp_path / "none")
    assert result.best_dice is None
    assert (tmp_path / "none/last").exists()
    assert not (tmp_path / "none/best").exists()
    assert rows_of(tmp_path / "none/validation.csv") == []


def test_validation_rests_between_and_never_at_the_end(helpers, stub, data, tmp_path):
    train(helpers.small_recipe(epochs=5, validate_every=2, hd95=True), data, tmp_path / "run")
    rows = rows_of(tmp_path / "run/validation.csv")
    assert [row["epoch"] for row in rows] == ["2", "4", "5"]
    assert all(float(row["hd95"]) > 0 for row in rows)


def test_no_patient_is_both_learnt_from_and_validated_on(helpers, data):
    slices = read_slices(helpers.small_recipe(), data)
    learnt, held = ({patient_of(each) for each in part.ids} for part in (slices.training, slices.validation))
    assert learnt
    assert held
    assert not learnt & held
    assert not held & {patient_of(each) for each in read_ids(data, "test")}


def test_tensorboard_gets_the_tables_numbers(helpers, stub, data, tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    train(helpers.small_recipe(epochs=1, log_to="tensorboard"), data, tmp_path / "run")
    events = accumulator.EventAccumulator(str(tmp_path / "run/tensorboard")).Reload()
    losses = [event.value for event in events.Scalars("train/loss")]
    assert losses == pytest.approx([float(row["loss"]) for row in rows_of(tmp_path / "run/metrics.csv")])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 64}, "12 training slices make no batch of 64: lower --batch-size"),
        ({"micro_batch": 3}, "--micro-batch 3 does not divide"),
        ({"precision": "fp16"}, "--precision fp16 needs a CUDA device"),
        ({"image_size": 256}, "128 x 128 pixels where 256 x 256"),
        ({"weights": "absent"}, "absent"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_no_folder(helpers, data, tmp_path, changes, message):
    with pytest.raises((UsageError, DataError), match=message) as failure:
        train(helpers.small_recipe(**changes), data, tmp_path / "run")
    assert "\n" not in str(failure.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_gpu_that_is_not_there_is_named(helpers, data, tmp_path):
    with pytest.raises(UsageError, match="--device cuda: PyTorch sees no CUDA device"):
        train(helpers.small_recipe(device="cuda"), data, tmp_path / "run")


def test_an_existing_run_is_not_overwritten(helpers, stub, data, tmp_path):
    train(helpers.small_recipe(epochs=1), data, tmp_path / "run")
    before = (tmp_path / "run/metrics.csv").read_bytes()
    with pytest.raises(UsageError, match="add --resume"):
        train(helpers.small_recipe(epochs=1), data, tmp_path / "run")
    assert (tmp_path / "run/metrics.csv").read_bytes() == before
    assert Path(tmp_path / "run/last").is_dir()


def test_slices_without_tumour_are_sampled_counted_and_scored_by_batch(helpers, stub, tmp_path, capsys):
    data = helpers.write_data(tmp_path / "data", patients=6, slices=6, lesion_free=4)
    train(helpers.small_recipe(epochs=1, lesion_free=0.5), data, tmp_path / "run")
    shown = capsys.readouterr().out
    assert "learns from 8 slices with tumour and 8 of 16 without, of 4 patients" in shown
    assert "every slice shows tumour" not in shown
    assert len(rows_of(tmp_path / "run/metrics.csv")) == 16 // 4
    assert "dice: batch" in (tmp_path / "run/config.yaml").read_text()


def test_a_data_set_of_tumour_slices_alone_is_warned_of(helpers, stub, data, tmp_path, capsys):
    train(helpers.small_recipe(epochs=1), data, tmp_path / "run")
    assert "warning: every slice shows tumour" in capsys.readouterr().out
    assert "dice: image" in (tmp_path / "run/config.yaml").read_text()


def test_a_data_set_without_any_tumour_is_refused(helpers, stub, tmp_path):
    data = helpers.write_data(tmp_path / "data", slices=2, lesion_free=2)
    with pytest.raises(DataError, match="no training slice shows tumour"):
        train(helpers.small_recipe(epochs=1), data, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_whole_volumes_are_scored_and_choose_threshold_and_smallest_lesion(
    helpers, data, tmp_path, monkeypatch
):
    folder = shutil.copytree(data, tmp_path / "data")
    (folder / "metadata.json").write_text(json.dumps({"spacing_mm": [3, 4, 4]}))
    monkeypatch.setattr("cipa.training.run.draw_pictures", lambda *_: None)
    result = train(helpers.small_recipe(epochs=1, tune="volumes", lr=1e-3), folder, tmp_path / "run")
    [row] = rows_of(tmp_path / "run/validation.csv")
    assert 0 <= float(row["volume_dice"]) <= 1
    assert float(row["fp_ml"]) >= 0
    config = json.loads((tmp_path / "run/best/config.json").read_text())
    assert (config["threshold"], config["smallest_ml"]) == (result.point.threshold, result.point.smallest_ml)
    assert load_model(tmp_path / "run").config.threshold == result.point.threshold


def test_a_fold_is_never_seen_and_all_folds_share_out_the_patients(helpers, stub, data, tmp_path):
    everybody = {patient_of(slice_id) for slice_id in read_ids(data, "train")}
    left_out = []
    for fold in ("1/3", "2/3", "3/3"):
        run = tmp_path / fold[0]
        train(helpers.small_recipe(epochs=1, fold=fold), data, run)
        split = json.loads((run / "split.json").read_text())
        assert split["fold"] == fold
        parts = [set(split[part]) for part in ("training", "validation", "left_out")]
        assert set.union(*parts) == everybody
        assert sum(map(len, parts)) == len(everybody)
        left_out += split["left_out"]
    assert sorted(left_out) == sorted(everybody)


def test_without_asking_no_tracker_is_imported(helpers, stub, data, tmp_path, monkeypatch):
    for name in ("wandb", "mlflow", "torch.utils.tensorboard"):
        monkeypatch.setitem(sys.modules, name, None)  # an import of it fails
    assert train(helpers.small_recipe(epochs=1), data, tmp_path / "run").step == 3


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_tracker_that_is_not_installed_is_one_line(helpers, stub, data, tmp_path, monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError, match=rf"--log-to {name} needs {name}: pip install 'cipa\[{name}\]'"):
        train(helpers.small_recipe(epochs=1, log_to=name), data, tmp_path / "run")


def test_wandb_gets_every_number_and_is_resumed_by_its_id(helpers, stub, data, tmp_path, monkeypatch):
    class Run:
        def __init__(self, **options):
            self.options, self.rows = options, []

        def log(self, values, step):
            self.rows.append((step, values))

        def finish(self):
            self.options["finished"] = True

    runs = []
    config = SimpleNamespace(update=lambda values, **_: runs[-1].options.update(settings=values))
    begin = lambda **options: runs.append(Run(**options)) or runs[-1]  # noqa: E731
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=begin, config=config))
    train(helpers.small_recipe(epochs=1, log_to="wandb"), data, tmp_path / "run")
    train(helpers.small_recipe(epochs=1, log_to="wandb"), data, tmp_path / "run", resume=True)
    first, again = runs
    losses = [values["train/loss"] for _, values in first.rows if "train/loss" in values]
    assert losses == pytest.approx([float(row["loss"]) for row in rows_of(tmp_path / "run/metrics.csv")])
    assert any("validation/dice" in values for _, values in first.rows)
    assert first.options["settings"]["lr"] == "0.05"
    assert first.options["finished"]
    assert again.options["id"] == first.options["id"]
