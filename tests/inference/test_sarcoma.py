"""Real CT and PET of the Soft-tissue-Sarcoma collection, which stand beside the project."""

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest

import cipa
from cipa.cli.main import main
from cipa.inference.files import write_mask
from cipa.inference.predictor import Predictor

STS = Path(__file__).parents[3] / "shared" / "data" / "sts"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not STS.is_dir(), reason=f"no real data at {STS}"),
]


def same_grid(path, patient):
    mask, ct = nibabel.load(path), nibabel.load(STS / patient / "CT.nii.bz2")
    assert mask.shape == ct.shape
    assert np.array_equal(mask.affine, ct.affine)
    for field in ("qform_code", "sform_code"):
        assert mask.header[field] == ct.header[field]
    assert mask.get_data_dtype() == np.uint8
    return np.asanyarray(mask.dataobj) > 0


@pytest.mark.parametrize("patient", [pytest.param("STS_001", marks=pytest.mark.slow), "STS_035"])
def test_uptake_lands_on_the_tumour_drawn_on_the_ct(network, patient, tmp_path):
    hot = network(size=512, suv_max=5.0)  # its grey 127 is then SUV 2.5
    pair = (STS / patient / "CT.nii.bz2", STS / patient / "PET_SUV.nii.gz")
    write_mask(Predictor(hot, "cpu").predict(*pair), tmp_path / "mask.nii.gz")
    mask = same_grid(tmp_path / "mask.nii.gz", patient)
    tumour = nibabel.load(STS / patient / "GTV_CT.nii.gz").get_fdata() > 0
    assert 2 * np.sum(mask & tumour) / (mask.sum() + tumour.sum()) > 0.55


def test_a_limb_is_not_taken_for_a_chest(network):
    pair = (STS / "STS_001" / "CT.nii.bz2", STS / "STS_001" / "PET_SUV.nii.gz")
    lines = Predictor(network(size=512), "cpu").predict(*pair).warnings
    (warning,) = [line for line in lines if not line.startswith("volumes by threshold")]
    assert "mL of lung in sight: is this the chest?" in warning


@pytest.mark.slow
def test_small_network_goes_from_saved_weights_to_a_mask_on_the_grid_of_the_ct(tmp_path, capsys):
    cipa.create_model("nano", image_size=128).save_pretrained(tmp_path / "nano")
    pair = ["--ct", str(STS / "STS_035" / "CT.nii.bz2"), "--pet", str(STS / "STS_035" / "PET_SUV.nii.gz")]
    out = tmp_path / "out"
    weights = ["--weights", str(tmp_path / "nano"), "--device", "cpu", "--keep-all"]
    assert main(["predict", *pair, *weights, "-o", str(out)]) == 0
    mask = same_grid(out / "mask.nii.gz", "STS_035")
    probability = nibabel.load(out / "probability.nii.gz").get_fdata()
    assert np.array_equal(probability >= 0.5, mask)
    assert np.ptp(probability) > 0
    ml = json.loads((out / "lesions.json").read_text())["patient"]["mtv_ml"]
    assert ml == pytest.approx(
        mask.sum() * np.prod(nibabel.load(out / "mask.nii.gz").header.get_zooms()) / 1000
    )
    assert f"MTV {ml:.2f} mL" in capsys.readouterr().out
