import json

import pytest
from pydicom import dcmread
from pydicom.uid import ImplicitVRLittleEndian, RLELossless

from cipa.inference.batch import Job
from cipa.inference.predictor import Predictor
from cipa.serve import segment as module
from cipa.serve.segment import segment_turn
from cipa.serve.spool import Spool, name_image, name_study
from serve_tools import write_uid_study

UID = "1.2.826.0.1.3680043.9.77"
STUDY = name_study(UID)


@pytest.fixture
def job():
    from torch import nn

    from cipa.models.config import CIPAConfig

    class Uptake(nn.Module):
        """Tumour where PET is bright."""

        def __init__(self):
            super().__init__()
            self.config = CIPAConfig.of_variant("nano", image_size=128, num_classes=1)
            self.bias = nn.Parameter(__import__("torch").zeros(1))

        def forward(self, ct, pet):
            return pet * 100 + self.bias

    return Job(Predictor(Uptake(), "cpu"))


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path / "spool")


def receive(spool, files, change=None):
    """Put files into the spool as a node does, and return their names."""
    names = []
    for file in files:
        one = dcmread(file)
        if change is not None:
            change(one)
            one.save_as(file)
        name = name_image(str(one.SOPInstanceUID), file.read_bytes())
        spool.write_image(STUDY, name, file.read_bytes())
        names.append(name)
    return names


def turn(job, spool, names, known=(), changed="again"):
    return segment_turn(job, spool, STUDY, names, known, changed)


def uids_of(spool, ended):
    folder = spool.result_of(STUDY, ended.digest)
    return [str(dcmread(folder / one).SOPInstanceUID) for one in ended.objects]


def test_a_study_becomes_objects_in_a_folder_that_is_whole(job, spool, tmp_path):
    ended = turn(job, spool, receive(spool, write_uid_study(tmp_path / "study", UID)))
    assert (ended.state, ended.lesions) == ("made", 1)
    assert ended.objects == ["files/segmentation.dcm", "files/measurements.dcm"]
    folder = spool.result_of(STUDY, ended.digest)
    seg, report = (dcmread(folder / one) for one in ended.objects)
    assert (seg.Modality, seg.StudyInstanceUID, seg.PatientID) == ("SEG", UID, "SECRET77")
    named = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    assert seg.SOPInstanceUID in {one.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for one in named}
    assert list(spool.work.iterdir()) == []


def test_a_result_made_again_has_the_uids_of_the_first(job, spool, tmp_path):
    names = receive(spool, write_uid_study(tmp_path / "study", UID))
    first = turn(job, spool, names)
    uids = uids_of(spool, first)
    folder = spool.result_of(STUDY, first.digest)
    folder.rename(tmp_path / "lost")
    second = turn(job, spool, names)
    assert second.digest == first.digest
    assert uids_of(spool, second) == uids


def test_a_result_that_a_killed_node_left_is_taken_and_not_made_again(job, spool, tmp_path, monkeypatch):
    names = receive(spool, write_uid_study(tmp_path / "study", UID))
    first = turn(job, spool, names)
    monkeypatch.setattr(module, "predict_study", lambda *_: pytest.fail("segmented twice"))
    assert turn(job, spool, names).objects == first.objects


def test_what_was_segmented_before_is_known(job, spool, tmp_path, monkeypatch):
    names = receive(spool, write_uid_study(tmp_path / "study", UID))
    first = turn(job, spool, names)
    monkeypatch.setattr(module, "predict_study", lambda *_: pytest.fail("segmented twice"))
    assert turn(job, spool, names, [first.digest]).state == "known"


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, RLELossless])
def test_another_transfer_syntax_is_the_same_input(job, spool, tmp_path, syntax):
    files = write_uid_study(tmp_path / "study", UID)
    first = turn(job, spool, receive(spool, files))

    def change(one):
        one.PatientName = "Corrected^Name"
        if syntax == RLELossless:
            one.compress(RLELossless, generate_instance_uid=False)
        else:
            one.file_meta.TransferSyntaxUID = syntax

    assert turn(job, spool, receive(spool, files, change), [first.digest]).state == "known"


def test_late_slices_give_a_new_result_under_other_uids(job, spool, tmp_path):
    names = receive(spool, write_uid_study(tmp_path / "study", UID))
    ct = [name for name, file in zip(names, sorted(names), strict=True)]
    partial = [name for name in names if name != ct[0]]
    first = turn(job, spool, partial)
    second = turn(job, spool, names, [first.digest])
    assert second.state == "made"
    assert not set(uids_of(spool, first)) & set(uids_of(spool, second))


def test_a_changed_study_is_held_where_the_settings_say_so(job, spool, tmp_path):
    names = receive(spool, write_uid_study(tmp_path / "study", UID))
    ended = turn(job, spool, names, ["another digest"], "hold")
    assert ended.state == "held"
    assert ended.reason.startswith("CT or PET changed after it was segmented")


def without_pet(files):
    return [file for file in files if "CT" in file.name]


def test_half_a_study_is_held_by_name(job, spool, tmp_path):
    ended = turn(job, spool, receive(spool, without_pet(write_uid_study(tmp_path / "study", UID))))
    assert (ended.state, ended.reason) == ("held", "no PET series; give the folder of the whole PET-CT study")


def test_a_pet_without_suv_is_held_by_name(job, spool, tmp_path):
    def change(one):
        if one.Modality == "PT":
            del one.PatientWeight

    ended = turn(job, spool, receive(spool, write_uid_study(tmp_path / "study", UID), change))
    assert ended.state == "held"
    assert "weight" in ended.reason.lower()


def test_why_a_study_is_held_names_neither_patient_nor_folder(job, spool, tmp_path):
    def change(one):
        one.SeriesDescription = "of Secret Name, SECRET77"
        if one.Modality == "PT":
            del one.PatientWeight

    ended = turn(job, spool, receive(spool, write_uid_study(tmp_path / "study", UID), change))
    said = json.dumps(vars(ended))
    for secret in ("Secret", "SECRET77", UID, str(tmp_path)):
        assert secret not in said


def test_a_damaged_file_holds_its_study(job, spool, tmp_path):
    files = write_uid_study(tmp_path / "study", UID)
    for file in files:
        file.write_bytes(file.read_bytes()[:-500])
    names = [name_image(str(number), file.read_bytes()) for number, file in enumerate(files)]
    for name, file in zip(names, files, strict=True):
        spool.write_image(STUDY, name, file.read_bytes())
    ended = turn(job, spool, names)
    assert ended.state == "held"
    assert ended.reason


def test_a_full_disk_is_told_from_a_bad_study(job, spool, tmp_path, monkeypatch):
    names = receive(spool, write_uid_study(tmp_path / "study", UID))

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "save_prediction", fail)
    assert turn(job, spool, names).state == "full"


def test_a_file_replaced_meanwhile_is_no_fault_of_the_study(job, spool, tmp_path):
    names = receive(spool, write_uid_study(tmp_path / "study", UID))
    assert turn(job, spool, [*names, "gone.dcm"]).state == "stale"
