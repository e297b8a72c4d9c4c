"""Studies in which the network marks the couch and tissue without uptake beside a tumour."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from cipa.inference.predictor import Predictor
from phantom_scan import AFFINE, Scan

TUMOUR, PALE, ON_COUCH = (6, 95, 125), (6, 95, 70), (6, 138, 190)
"""Slice, row and column of the middle of what the network marks."""


class Marker(nn.Module):
    """Marks what the CT shows as bone, wherever it lies; modality dropout lets it do without PET."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, ct, pet):
        return (ct - 1.5) * 100 * self.scale


@pytest.fixture
def predictor(network):
    model = Marker(network(size=256, ct_window=(-1000.0, 1000.0)).config)
    model.config.modality_dropout = 0.5
    return Predictor(model, "cpu")


@pytest.fixture
def pair():
    scan = Scan(noise=5).trunk().couch("flat", 8)
    for (number, row, column), suv in ((TUMOUR, 9.0), (PALE, 0.5), (ON_COUCH, None)):
        box = (slice(number - 1, number + 2), slice(row - 2, row + 3), slice(column - 2, column + 3))
        scan.hu[box] = 1500
        if suv is not None:
            scan.suv[box] = suv
    return scan.volumes()


def reasons(found):
    return sorted(one.reason for one in found.left_out)


def test_marks_on_the_couch_and_without_uptake_are_no_lesions_and_stand_in_every_output(
    predictor, pair, tmp_path
):
    found = predictor.predict(*pair, fit="pad")
    (lesion,) = found.lesions
    assert lesion.suv_max == pytest.approx(9.0)
    assert reasons(found) == ["no uptake: SUVmax below 1", "outside the body"]
    assert found.mtv_ml == pytest.approx(lesion.volume_ml) == pytest.approx(75 * 0.012)
    assert found.left_out_ml == pytest.approx(150 * 0.012)
    assert found.mask.sum() == (found.labels > 0).sum() == 75
    assert found.labels.max() == 1
    assert found.warnings[-2:] == [
        "left out: 1 mark, 0.90 mL, outside the body",
        "left out: 1 mark, 0.90 mL, no uptake: SUVmax below 1",
    ]
    out = found.save(tmp_path / "out")
    written = json.loads((out / "lesions.json").read_text())
    assert [one["reason"] for one in written["left_out"]] == [one.reason for one in found.left_out]
    assert written["patient"]["left_out"] == 2
    assert len((out / "left_out.csv").read_text().splitlines()) == 3


def test_all_marks_are_kept_on_request(predictor, pair):
    found = predictor.predict(*pair, fit="pad", keep_all=True)
    assert (found.lesion_count, found.left_out) == (3, ())
    assert found.facts["options"]["keep_all"] is True


def test_the_floor_of_uptake_is_that_of_the_weights_unless_given(predictor, pair):
    assert predictor.predict(*pair, fit="pad").facts["options"]["min_suv"] == 1.0
    low = predictor.predict(*pair, fit="pad", min_suv=0.2)
    assert (low.lesion_count, reasons(low)) == (2, ["outside the body"])
    assert any("has SUVmax below 2, about that of blood" in line for line in low.warnings)
    high = predictor.predict(*pair, fit="pad", min_suv=10.0)
    assert (high.lesion_count, len(high.left_out)) == (0, 3)
    predictor.min_suv = 0.0
    assert predictor.predict(*pair, fit="pad").lesion_count == 2


def test_without_pet_marks_outside_the_body_go_and_nothing_is_said_of_uptake(predictor, pair):
    found = predictor.predict(pair[0], fit="pad")
    assert (found.lesion_count, reasons(found)) == (2, ["outside the body"])
    assert found.left_out[0].suv_max is None


def test_a_folder_with_a_pair_of_nifti_files_is_a_study(predictor, pair, tmp_path):
    import nibabel

    for name, volume in zip(("ct", "pet"), pair, strict=True):
        array = volume.array.astype(np.float32)
        nibabel.save(nibabel.Nifti1Image(array, AFFINE), tmp_path / f"p1_{name}.nii.gz")
    found = predictor.predict(tmp_path, fit="pad")
    assert (found.lesion_count, found.facts["study"]) == (1, "p1")
    assert found.facts["source"].startswith("files-")


def test_values_of_lesions_are_plain_numbers(predictor, pair):
    found = predictor.predict(*pair, fit="pad", keep_all=True)
    values = [value for row in [*found.table(), found.totals()] for value in row.values()]
    assert {type(value) for value in values} <= {int, float, str, type(None)}


def test_probability_and_pet_at_the_ct_s_voxels_come_from_what_is_kept(predictor, pair):
    found = predictor.predict(*pair, fit="pad", keep_all=True)
    assert found.probability.dtype == np.float32
    np.testing.assert_array_equal(found.probability >= predictor.threshold, found.mask > 0)
    run = slice(5, 8)
    np.testing.assert_array_equal(found.axial(found.pet_on_ct)[run], found.axial_pet(run))
    np.testing.assert_allclose(found.pet_on_ct, pair[1].array, atol=1e-5)
