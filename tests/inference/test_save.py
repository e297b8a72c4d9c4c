import csv
import errno
import json
import os

import highdicom
import nibabel
import numpy as np
import pytest
from pydicom import dcmread

from cipa.errors import DataError, UsageError
from cipa.inference import dicom_objects, save
from cipa.inference.predictor import Predictor
from studies import box_mask, write_study


@pytest.fixture
def prediction(network, tmp_path):
    return Predictor(network(), "cpu").predict(write_study(tmp_path / "study"))


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_result_is_a_folder_of_masks_tables_and_facts(prediction, tmp_path):
    out = prediction.save(tmp_path / "out")
    assert sorted(path.name for path in out.iterdir()) == [
        "left_out.csv",
        "lesions.csv",
        "lesions.json",
        "mask.nii.gz",
        "measurements.dcm",
        "patient.csv",
        "probability.nii.gz",
        "segmentation.dcm",
    ]
    mask, probability = (nibabel.load(out / f"{name}.nii.gz") for name in ("mask", "probability"))
    assert np.array_equal(np.asanyarray(mask.dataobj), box_mask())
    assert mask.get_data_dtype() == probability.get_data_dtype() == np.uint8
    np.testing.assert_allclose(probability.get_fdata(), prediction.probability, atol=1e-6)
    np.testing.assert_array_equal(np.asarray(probability.dataobj.get_unscaled()), prediction.probability_255)
    assert np.allclose(mask.affine, prediction.ct.affine)
    assert b"not a medical device" in mask.header["descrip"].item()
    uids = [one.header.SOPInstanceUID for one in prediction.source.ct_slices]
    seg = highdicom.seg.segread(out / "segmentation.dcm")
    assert np.array_equal(seg.get_pixels_by_source_instance(uids, combine_segments=True).T, box_mask())


def test_tables_and_json_hold_the_same_numbers(prediction, tmp_path):
    out = prediction.save(tmp_path / "out")
    found = json.loads((out / "lesions.json").read_text())
    (row,), (patient,) = table(out / "lesions.csv"), table(out / "patient.csv")
    (lesion,) = found["lesions"]
    assert set(row) == {"study", *lesion}
    assert float(row["suv_peak"]) == pytest.approx(lesion["suv_peak"], rel=1e-6)
    assert (row["study"], patient["lesions"]) == ("study", "1")
    assert float(patient["mtv_ml"]) == pytest.approx(found["patient"]["mtv_ml"]) == pytest.approx(0.144)
    assert found["facts"]["threshold"] == 0.5
    assert "not a medical device" in found["disclaimer"]
    assert "Secret" not in (out / "lesions.json").read_text()


def test_a_table_without_lesions_keeps_its_columns(prediction, tmp_path, network):
    empty = Predictor(network(suv_max=1000.0), "cpu").predict(tmp_path / "study")
    out = empty.save(tmp_path / "out")
    assert (out / "lesions.csv").read_text().startswith("study,number,voxels,volume_ml,suv_max,")
    assert table(out / "patient.csv")[0]["suv_max"] == ""
    assert not dcmread(out / "segmentation.dcm").pixel_array.any()


def test_more_writers_add_to_the_folder_before_it_appears(prediction, tmp_path):
    def report(found, folder):
        assert not (tmp_path / "out").exists()
        (folder / "report.html").write_text(str(found.lesion_count))

    prediction.save(tmp_path / "out", also=[report])
    assert (tmp_path / "out" / "report.html").read_text() == "1"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            DataError("Patient's Sex (0010,0040) cannot be repeated"),
            "Patient's Sex (0010,0040) cannot be repeated",
        ),
        (ValueError("Unable to convert '1955-12-31'"), "ValueError, a defect of cipa or a header"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "memory ran out"),
        (PermissionError(errno.EACCES, "Permission denied", "x"), "Permission denied"),
    ],
)
def test_a_seg_that_fails_is_a_warning_and_the_rest_is_written(
    prediction, tmp_path, monkeypatch, error, reason
):
    def fail(*_):
        raise error

    def report(found, folder):
        (folder / "report.html").write_text(" ".join(found.warnings))

    monkeypatch.setattr(dicom_objects, "write_seg", fail)
    out = prediction.save(tmp_path / "out", also=[report])
    (warning,) = [line for line in prediction.warnings if "DICOM SEG" in line]
    assert warning.startswith(f"DICOM SEG was not written: {reason}")
    assert "1955" not in warning
    assert warning in json.loads((out / "lesions.json").read_text())["warnings"]
    assert warning in (out / "report.html").read_text()
    assert not (out / "segmentation.dcm").exists()
    assert {"mask.nii.gz", "probability.nii.gz", "lesions.csv", "patient.csv"} <= set(os.listdir(out))


def test_a_report_that_fails_is_a_warning_and_does_not_lose_the_others(prediction, tmp_path):
    def write_study_report(found, folder):
        (folder / "half").mkdir()
        raise KeyError("x")

    def write_more(found, folder):
        (folder / "more").write_text("x")

    out = prediction.save(tmp_path / "out", also=[write_study_report, write_more])
    warning = (
        "study report was not written: KeyError, a defect of cipa or a header that a library cannot cope with"
    )
    assert json.loads((out / "lesions.json").read_text())["warnings"][-1] == warning
    assert (out / "more").is_file()
    assert (out / "segmentation.dcm").is_file()


def test_no_cell_of_a_table_is_a_formula(prediction, tmp_path):
    prediction.facts["study"] = "=cmd|calc!A0"
    out = prediction.save(tmp_path / "out")
    assert {row["study"] for name in ("lesions", "patient") for row in table(out / f"{name}.csv")} == {
        "'=cmd|calc!A0"
    }


@pytest.mark.parametrize(("where", "fails"), [(save, "write_volume"), (dicom_objects, "write_seg")])
def test_a_full_disk_leaves_nothing_and_keeps_what_was_there(prediction, tmp_path, monkeypatch, where, fails):
    prediction.save(tmp_path / "old")
    before = (tmp_path / "old" / "lesions.json").read_bytes()

    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(where, fails, full)
    for name in ("new", "old"):
        with pytest.raises(OSError, match="No space"):
            prediction.save(tmp_path / name, overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old", "study"]
    assert (tmp_path / "old" / "lesions.json").read_bytes() == before


def test_what_is_no_earlier_result_is_never_replaced(prediction, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    (tmp_path / "file").write_text("")
    for overwrite in (False, True):
        with pytest.raises(UsageError, match="something other than a result"):
            prediction.save(tmp_path / "mine", overwrite=overwrite)
        with pytest.raises(UsageError, match="a file stands there"):
            prediction.save(tmp_path / "file", overwrite=overwrite)
    prediction.save(tmp_path / "out")
    with pytest.raises(UsageError, match="replace it with --overwrite"):
        prediction.save(tmp_path / "out")
    prediction.save(tmp_path / "out", overwrite=True)
