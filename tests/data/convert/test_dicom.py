import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from cipa.data.convert import ConversionError, Recipe, convert_volumes, find_triples
from cipa.data.convert.sources import read_table
from cipa.data.convert.split import SplitRule
from cipa.errors import UsageError
from cipa.io.dicom.objects.lesion import Algorithm, LesionObject
from cipa.io.dicom.objects.rtstruct import write_rtstruct
from cipa.io.dicom.seg import write_seg
from cipa.io.dicom.study import read_study
from cipa.io.dicom.volumes import read_pet_ct
from cipa.io.png import read_grey
from studies import box_mask, write_dynamic_study, write_study

BY = Algorithm("hand", "1", "MANUAL")
RECIPE = Recipe(size=128, fit="pad", slices="tumour")


@pytest.fixture
def root(tmp_path):
    """Two patients with a SEG, an RTSTRUCT and the hot box as tumour."""
    for name in ("P_1", "P_2"):
        folder = tmp_path / "in" / name
        pair = read_pet_ct(read_study(write_study(folder / "dicom")))
        labels = box_mask()
        lesions = [LesionObject(1, box) for box in ndimage.find_objects(labels)]
        write_seg(folder / "seg.dcm", labels, pair.ct_slices, BY, lesions)
        write_rtstruct(folder / "rt.dcm", labels, pair.ct_slices, lesions, BY)
    return tmp_path / "in"


@pytest.mark.parametrize("mask", ["seg", "rt"])
def test_dicom_studies_become_slices_with_the_tumour_of_seg_or_rtstruct(root, tmp_path, mask):
    sources = find_triples(root, "*/dicom", "*/dicom", f"*/{mask}.dcm")
    done = convert_volumes(sources, tmp_path / "out", RECIPE, root=root)
    assert [(one.patient, one.sources["ct"], len(one.numbers)) for one in done.records] == [
        ("P1", "P_1/dicom", 1),
        ("P2", "P_2/dicom", 1),
    ]
    (number,) = done.records[0].numbers
    image, pet = (
        read_grey(tmp_path / "out" / "P1" / f"P1_{number:03d}_{kind}.png") for kind in ("mask", "PET")
    )
    assert np.count_nonzero(image) == np.count_nonzero(box_mask())
    assert (pet[image > 0] == round(15 / 20 * 255)).all()


def test_ct_and_pet_may_lie_in_folders_of_their_own(root, tmp_path):
    (root / "list.csv").write_text("patient,ct,pet,mask\nP_1,P_1/dicom/ct,P_1/dicom/pet,P_1/seg.dcm\n")
    done = convert_volumes(
        read_table(root / "list.csv"), tmp_path / "out", RECIPE, SplitRule(fraction=0), root=root
    )
    assert done.records[0].slices_with_tumour == 1


def test_an_absent_roi_is_that_patient_s_problem(root, tmp_path):
    sources = find_triples(root, "*/dicom", "*/dicom", "*/rt.dcm")
    with pytest.raises(ConversionError) as caught:
        convert_volumes(sources, tmp_path / "out", Recipe(size=128, fit="pad", regions=("PTV",)), root=root)
    assert "no ROI is called 'PTV', but Lesion 1" in str(caught.value.problems[0])


@pytest.fixture
def dynamic(root):
    """A patient of three time frames, of SUV 5, 15 and 10 in the tumour."""
    shutil.rmtree(root / "P_1" / "dicom")
    write_dynamic_study(root / "P_1" / "dicom", (5, 15, 10))
    return find_triples(root, "P_1*/dicom", "P_1*/dicom", "P_1*/seg.dcm")


def brightest(root, sources, out, **choice):
    done = convert_volumes(sources, out, replace(RECIPE, **choice), SplitRule(fraction=0), root=root)
    (record,) = done.records
    (number,) = record.numbers
    return read_grey(out / record.patient / f"{record.patient}_{number:03d}_PET.png").max(), record.warnings


def test_a_dynamic_study_is_converted_by_the_frame_or_the_mean_that_is_named(root, dynamic, tmp_path):
    with pytest.raises(ConversionError) as caught:
        convert_volumes(dynamic, tmp_path / "out", RECIPE, SplitRule(fraction=0), root=root)
    assert "choose with --frame N or --sum A-B" in caught.value.problems[0].detail
    for name, choice, suv in (("one", {"frame": 2}, 15), ("mean", {"sum_frames": (2, 3)}, 12.5)):
        grey, warnings = brightest(root, dynamic, tmp_path / name, **choice)
        assert grey == round(suv / 20 * 255)
        assert any("time frames" in line for line in warnings)
        written = json.loads((tmp_path / name / "metadata.json").read_text())
        assert written | json.loads(json.dumps(choice)) == written


def test_frames_of_what_has_none_are_refused(root, tmp_path):
    sources = find_triples(root, "*/dicom", "*/dicom", "*/seg.dcm")
    with pytest.raises(ConversionError) as caught:
        convert_volumes(sources, tmp_path / "out", replace(RECIPE, frame=1), root=root)
    assert "--frame 1: neither CT series" in caught.value.problems[0].detail
    with pytest.raises(UsageError, match="give one of them"):
        Recipe(frame=1, sum_frames=(1, 2))
