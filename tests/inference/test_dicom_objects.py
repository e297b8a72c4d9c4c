import os

import numpy as np
import pytest
from pydicom import dcmread

from cipa.errors import DataError
from cipa.inference import dicom_objects
from cipa.inference.dicom_objects import FILES, lesion_objects
from cipa.inference.predictor import Predictor
from cipa.report.dicom import WRITERS
from dicom_tools import errors_of
from studies import write_study


@pytest.fixture
def predict(network, tmp_path):
    def predicted(**tags):
        return Predictor(network(), "cpu").predict(write_study(tmp_path / "study", **tags))

    return predicted


def test_only_what_is_asked_for_is_written(predict, tmp_path):
    prediction = predict()
    for number, kinds in enumerate([(), ("seg",), ("rtstruct",), tuple(FILES)]):
        out = prediction.save(tmp_path / str(number), objects=kinds)
        assert {path.name for path in out.glob("*.dcm")} == {FILES[kind] for kind in kinds}
    assert prediction.warnings == predict().warnings


@pytest.mark.parametrize(("kind", "writer"), [("rtstruct", "write_rtstruct"), ("sr", "write_sr")])
def test_one_that_fails_is_a_warning_and_the_others_stay(predict, tmp_path, monkeypatch, kind, writer):
    def fail(*_):
        raise DataError("cannot be")

    monkeypatch.setattr(dicom_objects, writer, fail)
    prediction = predict()
    out = prediction.save(tmp_path / "out", objects=tuple(FILES))
    assert [line for line in prediction.warnings if line.endswith("was not written: cannot be")]
    assert {path.name for path in out.glob("*.dcm")} == {FILES[one] for one in FILES if one != kind}


def test_sr_without_its_seg_is_a_warning_of_its_own(predict, tmp_path, monkeypatch):
    monkeypatch.setattr(dicom_objects, "write_seg", lambda *_: [][0])
    prediction = predict()
    prediction.save(tmp_path / "out")
    assert prediction.warnings[-1] == "DICOM SR was not written: there is no SEG that it could refer to"
    assert not list((tmp_path / "out").glob("*.dcm"))


@pytest.mark.parametrize(("part", "is_lung"), [("LUNG", True), ("CHEST", False), (None, False)])
def test_the_lung_is_named_only_where_the_header_names_it(predict, tmp_path, part, is_lung):
    prediction = predict(**({"BodyPartExamined": part} if part else {}))
    assert [one.is_in_lung for one in lesion_objects(prediction)] == [is_lung]
    prediction.save(tmp_path / "out")
    (segment,) = dcmread(tmp_path / "out" / FILES["seg"]).SegmentSequence
    assert ("AnatomicRegionSequence" in segment) == is_lung
    assert errors_of(tmp_path / "out" / FILES["seg"]) == errors_of(tmp_path / "out" / FILES["sr"]) == []


def test_pictures_and_pdf_name_the_patient_and_show_no_name(predict, tmp_path):
    prediction = predict(PatientName="Zoerblax^Quirin")
    out = prediction.save(tmp_path / "out", also=tuple(WRITERS.values()))
    assert sorted(os.listdir(out / "captures")) == ["lesion_01.dcm", "mip.dcm"]
    assert not (out / "pictures").exists()
    pdf = dcmread(out / "report.dcm")
    assert pdf.PatientName == "Zoerblax^Quirin"
    assert pdf.EncapsulatedDocument.startswith(b"%PDF-")
    assert b"oerblax" not in pdf.EncapsulatedDocument
    captures = [dcmread(path) for path in sorted((out / "captures").iterdir())]
    assert len({one.SeriesInstanceUID for one in captures}) == 1
    assert sorted(one.InstanceNumber for one in captures) == [1, 2]
    assert all(np.ptp(one.pixel_array) > 0 for one in captures)
