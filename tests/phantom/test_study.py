import warnings

import nibabel
import numpy as np
import pytest
from pydicom import dcmread

from cipa.errors import UsageError
from cipa.io.dicom.study import read_study
from cipa.io.dicom.volumes import read_pet_ct
from cipa.io.grid import same_grid
from cipa.io.orientation import axial_stack
from cipa.phantom import study
from cipa.phantom.headers import describe_study
from cipa.phantom.patient import WHOLE, draw_patient
from cipa.phantom.study import stored_activity, study_affine, write_phantom_studies, write_study


@pytest.fixture(scope="module")
def whole(thorax):
    return thorax


@pytest.fixture(scope="module")
def written(thorax, tmp_path_factory):
    """The studies of a set, with a patient that is drawn already."""

    def drawn(*arguments, **options):
        assert arguments == (5, 1, 128, (4, WHOLE))
        assert options == {"healthy": 1.0}
        return thorax

    out = tmp_path_factory.mktemp("studies") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "draw_patient", drawn)
        study.write_phantom_studies(out, patients=1, seed=5, first=1, size=128)
    return out


@pytest.fixture(scope="module")
def pair(written):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read_pet_ct(read_study(written / "studies" / "0002"))


def test_ct_reads_back_to_the_same_hounsfield_units(pair, whole):
    slices, _ = axial_stack(pair.ct.array, pair.ct.affine)
    assert pair.ct.array.dtype == np.int16
    np.testing.assert_array_equal(slices[::-1], np.rint(whole.ct_hu))  # the reader counts from the feet


def test_pet_reads_back_to_the_same_suv_on_its_own_grid(pair, whole):
    slices, _ = axial_stack(pair.pet.array, pair.pet.affine)
    assert pair.pet.shape == (125, 125, len(whole.numbers))
    highest = whole.pet.max((1, 2), keepdims=True)
    assert (np.abs(slices[::-1] - whole.pet) <= highest / 32767 * 0.501 + 1e-6 * whole.pet).all()


def test_both_series_and_the_truth_lie_in_one_world(pair, written, whole):
    truth = nibabel.load(written / "truth" / "0002.nii.gz")
    stack, affine = axial_stack(np.asarray(truth.dataobj), truth.affine)
    _, ct_affine = axial_stack(pair.ct.array, pair.ct.affine)
    assert same_grid(affine, stack.shape, ct_affine, stack.shape, tolerance=1e-3)
    np.testing.assert_array_equal(stack[::-1], whole.mask)
    corner = np.array([-0.5, -0.5, 0, 1.0])  # outer corner of the first voxel: both span 500 mm
    assert pair.ct.affine @ corner == pytest.approx(pair.pet.affine @ corner, abs=1e-3)
    assert study_affine(whole) @ corner == pytest.approx([250, 250, 10, 1])


def test_every_pet_slice_has_a_slope_of_its_own(written):
    files = sorted((written / "studies" / "0002" / "PET").iterdir())
    slopes = {float(dcmread(file, stop_before_pixels=True).RescaleSlope) for file in files}
    assert len(slopes) > 0.9 * len(files)


def test_nobody_can_take_it_for_a_person(written):
    for kind in ("CT", "PET"):
        header = dcmread(written / "studies" / "0002" / kind / "001.dcm", stop_before_pixels=True)
        assert str(header.PatientName).startswith("PHANTOM^")
        assert header.PatientID == "CIPA-PHANTOM-S5-0002"
        assert header.QualityControlSubject == "YES"
        assert header.PatientBirthDate == ""


def test_the_same_phantom_is_the_same_files(whole, tmp_path):
    about = describe_study("CIPA-PHANTOM-S5-0002", 5, 1, len(whole.numbers))
    write_study(tmp_path / "one", whole, about)
    write_study(tmp_path / "two", whole, about)
    names = [path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.dcm")]
    assert len(names) == 2 * len(whole.numbers)
    assert all(
        (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in names
    )


def test_a_slice_without_uptake_is_stored_as_zeros():
    stored, slope = stored_activity(np.zeros((3, 3)))
    assert not stored.any()
    assert 0 < float(slope) < 1


def test_a_slice_that_is_missing_is_refused(tmp_path):
    gap = draw_patient(seed=5, index=1, size=128, slices=(1, 2), healthy=0.1)
    with pytest.raises(ValueError, match="every slice"):
        write_study(tmp_path, gap, describe_study("X", 5, 1, len(gap.numbers)))


@pytest.mark.parametrize("change", [{"patients": 0}, {"seed": -1}, {"size": 100}, {"workers": 0}])
def test_values_out_of_range_are_refused(tmp_path, change):
    with pytest.raises(UsageError, match=str(next(iter(change.values())))):
        write_phantom_studies(tmp_path / "out", **({"patients": 1, "size": 128} | change))
    assert not (tmp_path / "out").exists()
