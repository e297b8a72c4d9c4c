"""Twenty-one secrets in every place that can hold them, every verb, a search through all that comes out."""

import contextlib
import gzip
import io
import re
import shutil
import unicodedata
import warnings
import zipfile
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from pydicom import dcmread
from pydicom.dataset import Dataset
from scipy import ndimage

from cipa import privacy
from cipa.cli.main import main
from cipa.inference.locations import read_location
from cipa.io.dicom.objects.lesion import Algorithm, LesionObject
from cipa.io.dicom.objects.rtstruct import write_rtstruct
from cipa.io.dicom.seg import write_seg
from cipa.io.dicom.study import read_study
from cipa.io.dicom.volumes import read_pet_ct
from cipa.io.nifti import write_volume
from cipa.io.studies import find_studies
from small_networks import BrightPet
from studies import BOX, box_mask, write_study
from view_client import Client

SECRETS = {
    "family name": "Zörblâxova",
    "given name": "Quentína",
    "middle name": "Wulfhilde",
    "other name": "Grimmelsbach",
    "birth name": "Oskarsdottir",
    "mother's birth name": "Veldhuizen",
    "patient ID": "PHIID90210",
    "other ID": "OTHER77341",
    "ID in a sequence": "SEQID55123",
    "birth date": "19551231",
    "accession number": "ACCXYZ7788",
    "comments": "Rotkehlchen",
    "address": "Lindenstrasse",
    "telephone": "0305557788",
    "referring physician": "Physikov",
    "operator": "Operandi",
    "institution": "Krankenhausen",
    "institution's address": "Spitalgasse",
    "occupation": "Schornsteinfeger",
    "station": "STATIONQ9",
    "device serial": "SERIALQ81",
}
"""Each in a tag of its own."""

RECIPE = (
    *("--model", "nano", "--image-size", "128", "--epochs", "1", "--batch-size", "2"),
    *("--workers", "0", "--device", "cpu", "--validation", "test"),
)
"""Of a training run of a moment."""

IDENTITY = (*list(SECRETS)[:3], "patient ID", "birth date", "accession number")
"""What is written into descriptions, folders and names of files as well, as hospitals do."""

SEG_MAY_NAME = {*list(SECRETS)[:11], "referring physician"}
"""DICOM asks a SEG to repeat patient and study of its CT."""

FORMS = {
    "birth date": (r"1955\W?12\W?31", r"31\W?12\W?1955", r"12\W?31\W?1955"),
    "family name": ("zo?e?rbla?e?xova",),
}


def tags():
    other = Dataset()
    other.PatientID = SECRETS["ID in a sequence"]
    family, given, middle = (SECRETS[name] for name in IDENTITY[:3])
    inside = f"CT of {given.upper()} {unicodedata.normalize('NFD', family)} {SECRETS['patient ID']}"
    return {
        "SpecificCharacterSet": "ISO_IR 192",
        "PatientName": f"{family}^{given}^{middle}",
        "OtherPatientNames": SECRETS["other name"],
        "PatientBirthName": SECRETS["birth name"],
        "PatientMotherBirthName": SECRETS["mother's birth name"],
        "PatientID": SECRETS["patient ID"],
        "OtherPatientIDs": SECRETS["other ID"],
        "OtherPatientIDsSequence": [other],
        "PatientBirthDate": SECRETS["birth date"],
        "AccessionNumber": SECRETS["accession number"],
        "PatientComments": SECRETS["comments"],
        "PatientAddress": SECRETS["address"],
        "PatientTelephoneNumbers": SECRETS["telephone"],
        "ReferringPhysicianName": SECRETS["referring physician"],
        "OperatorsName": SECRETS["operator"],
        "InstitutionName": SECRETS["institution"],
        "InstitutionAddress": SECRETS["institution's address"],
        "Occupation": SECRETS["occupation"],
        "StationName": SECRETS["station"],
        "DeviceSerialNumber": SECRETS["device serial"],
        "ImageComments": f"{family} {given}",
        "StudyDescription": f"PET/CT {family}, born 31.12.1955",
        "SeriesDescription": inside,
        "ProtocolName": f"{SECRETS['accession number']} {family}",
        "BodyPartExamined": "HEAD",  # makes a warning that names the series
    }


FOLDERS = {
    "plain": "Zörblâxova Quentína",
    "decomposed": unicodedata.normalize("NFD", "Zörblâxova_Quentína"),
    "transliterated": "ZOERBLAXOVA-QUENTINA",
    "numbers": "PHIID90210_1955-12-31_ACCXYZ7788",
    "neutral": "scan1",
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.setattr("cipa.inference.weights.load_model", lambda path: BrightPet())
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    privacy.forget()


def write(folder, box=BOX, **changes):
    """Write a study whose files are named after the patient too."""
    write_study(folder, box=box, **tags() | changes)
    for number, file in enumerate(sorted(folder.rglob("*.dcm"))):
        file.rename(file.with_name(f"Zörblâxova_{SECRETS['accession number']}_{number}.dcm"))
    return folder


def zipped(folder):
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in folder.rglob("*.dcm"):
            archive.write(file, f"{SECRETS['family name']}/{file.relative_to(folder)}")
    return path


def run(*words):
    """Run a command; return its exit code and what it printed."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        code = main(list(map(str, words)))
    return code, text.getvalue()


def predict(*words):
    return run("predict", "--weights", "w", "--device", "cpu", *words)


def leaks(text, names=SECRETS):
    """Return which secrets a text holds, whatever their case, accents and spelling."""
    plain = fold(text)
    forms = {name: (re.escape(fold(SECRETS[name])), *FORMS.get(name, ())) for name in names}
    return [name for name in names if any(re.search(form, plain) for form in forms[name])]


def fold(text):
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(one for one in letters if not unicodedata.combining(one))


def leaks_of(out):
    """Return the secrets in names and contents of all files below a folder, by file."""
    files = [path for path in (out.rglob("*") if out.is_dir() else [out]) if path.is_file()]
    found = {}
    for file in files:
        data = file.read_bytes()
        data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        is_seg = data[128:132] == b"DICM"
        names = set(SECRETS) - SEG_MAY_NAME if is_seg else SECRETS
        if is_seg:
            held = {name for name in names if SECRETS[name].encode() in data}
        else:
            held = {*leaks(data.decode("utf-8", "replace"), names), *leaks(data.decode("latin-1"), names)}
        held |= set(leaks(str(file.relative_to(out.parent))))
        if held:
            found[file.name] = sorted(held)
    return found


def test_the_search_finds_every_secret_however_it_is_written():
    assert leaks("\n".join(map(str, tags().values()))) == list(SECRETS)
    assert all(leaks(name) for name in FOLDERS.values() if name != "scan1")
    assert leaks("Zoerblaexova 31.12.1955") == ["family name", "birth date"]


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("words", [(), ("--json",), ("--debug",)])
def test_info_tells_no_secret(here, folder, words):
    code, printed = run("info", write(here / FOLDERS[folder]), *words)
    assert code == 0, printed
    assert leaks(printed) == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_one_study_s_result_tells_no_secret(here, folder):
    code, printed = predict(write(here / FOLDERS[folder]), "-o", "out", "--interactive")
    assert code == 0, printed
    assert leaks(printed) == []
    assert (here / "out/view.html").exists()
    assert leaks_of(here / "out") == {}


@pytest.mark.parametrize("folder", ["plain", "numbers"])
def test_a_measured_mask_and_two_time_points_tell_no_secret(here, folder):
    study = write(here / FOLDERS[folder])
    assert predict(study, "-o", "out", "--no-report")[0] == 0
    mask = here / f"{SECRETS['family name']}_{SECRETS['accession number']}.nii.gz"
    (here / "out/mask.nii.gz").rename(mask)
    measured, printed = run("measure", mask, study, "-o", "measured", "--debug")
    assert measured == 0, printed
    compared, more = run("compare-studies", study, study, "--masks", mask, mask, "-o", "compared", "--debug")
    assert compared == 0, more
    assert leaks(printed + more) == []
    assert (leaks_of(here / "measured"), leaks_of(here / "compared")) == ({}, {})


@pytest.mark.parametrize("words", [(), ("--debug",)])
def test_many_studies_results_tell_no_secret(here, words):
    for number, name in enumerate(FOLDERS.values(), start=1):
        write_study(here / "in" / name, **tags() | {"StudyInstanceUID": f"1.2.{number}"})
    code, printed = predict("in", "-o", "out", *words)
    assert code == 0, printed
    assert leaks(printed) == []
    assert leaks_of(here / "out") == {}


@pytest.mark.parametrize("way", ["beside", "table", "masks", "another grid"])
def test_evaluation_of_studies_tells_no_secret(here, way):
    study = write(here / "in" / FOLDERS["plain"])
    ct = read_location(find_studies(here / "in")[0]).ct
    truth = study / f"truth_{SECRETS['family name']}.nii.gz"
    write_volume(truth, np.ones(ct.shape, np.uint8), ct)
    if way == "another grid":
        nibabel.save(nibabel.Nifti1Image(np.ones((4, 4, 4), np.uint8), np.eye(4)), truth)
    (here / "t.csv").write_text(f"study,mask\n{study.name},in/{study.name}/{truth.name}\n", encoding="utf-8")
    words = {"table": ("--truth", "t.csv"), "masks": ("--masks", truth)}.get(way, ())
    scored = words if way == "masks" else ("--weights", "w", "--device", "cpu", *words)
    code, printed = run("evaluate", "in", *scored, "-o", "out")
    assert (code != 0) == (way == "another grid"), printed
    assert leaks(printed) == []
    assert way == "another grid" or leaks_of(here / "out") == {}


@pytest.mark.parametrize("folder", ["plain", "numbers", "neutral"])
def test_a_correction_tells_no_secret(here, folder):
    """What the server says, and every file of a revision."""
    assert predict(write(here / FOLDERS[folder]), "-o", "out", "--no-report")[0] == 0
    client = Client(here / "out")
    shown = [client.get("/api/results").text, client.get(client.url()).text]
    saved = client.send(client.labels())
    assert saved.status_code == 200
    shown += [saved.text, client.send(client.labels()).text, client.send(b"", "autosave", 1).text]
    assert leaks("".join(shown)) == []
    assert leaks_of(here / "out") == {}


def test_a_study_that_cannot_be_opened_tells_no_secret(here):
    study = write(here / FOLDERS["plain"])
    assert predict(study, "-o", "out", "--no-report")[0] == 0
    damage_a_file(study)
    lose_a_slice(study)
    client = Client(here / "out")
    answer = client.get(client.url())
    assert answer.status_code == 422
    assert leaks(answer.text) == []


def test_a_mask_alone_tells_no_secret(here):
    code, printed = predict(write(here / FOLDERS["plain"]), "-o", "mask.nii.gz", "--probability")
    assert code == 0, printed
    assert leaks(printed) == []
    assert leaks_of(here / "mask.nii.gz") == {}


@pytest.mark.parametrize("verb", ["info", "predict"])
def test_a_zip_tells_no_secret(here, verb):
    study = zipped(write(here / FOLDERS["plain"]))
    code, printed = run("info", study) if verb == "info" else predict(study, "-o", "out")
    assert code == 0, printed
    assert leaks(printed) == []
    assert verb == "info" or leaks_of(here / "out") == {}


def lose_a_slice(folder):
    sorted((folder / "ct").iterdir())[2].unlink()


def unfit(**changes):
    def change(folder):
        for file in (folder / "pet").iterdir():
            header = dcmread(file)
            for name, value in changes.items():
                setattr(header, name, value)
            header.save_as(file)

    return change


def damage_a_file(folder):
    file = sorted((folder / "ct").iterdir())[0]
    file.write_bytes(file.read_bytes()[:-600])


FAILURES = {
    "a gap": lose_a_slice,
    "units that differ": unfit(Units="CNTS"),
    "no weight": unfit(PatientWeight=None),
    "no dose": unfit(RadiopharmaceuticalInformationSequence=[]),
    "decay text": unfit(DecayCorrection="ZÖRBLÂXOVA"),
    "a damaged file": damage_a_file,
    "no PET": lambda folder: shutil.rmtree(folder / "pet"),
}


@pytest.mark.parametrize("words", [(), ("--debug",)], ids=["plain", "debug"])
@pytest.mark.parametrize("failure", FAILURES)
def test_no_refusal_tells_a_secret(here, failure, words):
    study = write(here / FOLDERS["plain"])
    FAILURES[failure](study)
    for verb in (
        lambda: run("info", study, *words),
        lambda: predict(study, "-o", "out", *words),
        lambda: predict(study, "-o", "mask.nii.gz", *words),
    ):
        _, printed = verb()
        assert leaks(printed) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PatientBirthDate", "1955-12-31"),
        ("PatientSex", "QUENTINA"),
        ("StudyDate", "1955-12-31"),
        ("SpecificCharacterSet", "ISO_IR 100"),
    ],
)
@pytest.mark.parametrize("words", [(), ("--debug",)], ids=["plain", "debug"])
def test_an_attribute_that_dicom_seg_refuses_is_not_quoted(here, name, value, words):
    write_study(here / "scan1", **tags())
    for file in (here / "scan1").rglob("*.dcm"):
        header = dcmread(file)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom's own opinion of such values
            setattr(header, name, value)
            header.save_as(file)
    code, printed = predict("scan1", "-o", "out", *words)
    assert code == 0, printed
    assert leaks(printed) == []
    assert leaks_of(here / "out") == {}


def nifti(path, array, label=False):
    image = nibabel.Nifti1Image(array, np.diag([2.0, 2.0, 3.0, 1.0]))
    image.header["descrip"] = b"Zoerblaxova PHIID90210"
    image.header["aux_file"] = b"ACCXYZ7788"
    image.header["db_name"] = b"Quentina"
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"Zoerblaxova 1955-12-31"))
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(image, path)


def test_the_headers_of_nifti_files_are_not_handed_on(here):
    """From volumes to slices, a check, thresholds scored and compared, and masks put back on each CT."""
    drawn = np.random.default_rng(0).uniform(0, 3, (32, 32, 4)).astype(np.float32)
    for patient in ("p1", "p2", "p3"):
        mask = np.zeros((32, 32, 4), np.uint8)
        mask[10:16, 10:16] = 1
        nifti(here / "in" / patient / "ct.nii.gz", (mask * 1000.0 - 950).astype(np.int16))
        nifti(here / "in" / patient / "suv.nii.gz", drawn + mask * np.float32(10))
        nifti(here / "in" / patient / "mask.nii.gz", mask)
    patterns = (
        "--ct",
        "*/ct.nii.gz",
        "--pet",
        "*/suv.nii.gz",
        "--mask",
        "*/mask.nii.gz",
        "--image-size",
        "128",
    )
    shown = [run("convert", "in", *patterns, "-o", "data", "--test-last", "2", "--workers", "1")]
    shown += [run("check", "data"), run("check", "data", "--json")]
    for threshold in ("2.5", "41%"):
        shown.append(run("evaluate", "data", "--pet-threshold", threshold, "-o", f"run{threshold[:2]}"))
    shown += [run("compare", "run2.", "run41", "-o", "compared")]
    shown += [run("convert", "--back", "run2.", "--data", "data", "-o", "back", "--skip-bad")]
    shown += [predict("in/p1", "-o", "single"), predict("--ct", "in/p1/ct.nii.gz", "-o", "mask.nii.gz")]
    for code, printed in shown[:4]:
        assert code == 0, printed
    assert leaks("".join(printed for _, printed in shown)) == []
    for out in ("data", "run2.", "run41", "compared", "back", "single", "mask.nii.gz"):
        if (here / out).exists():
            assert leaks_of(here / out) == {}, out


def dicom_with_truth(folder, uid):
    """Write a study, a SEG and an RTSTRUCT of its hot box beside it, all named after the patient."""
    box = (slice(12, 18), slice(5, 11), slice(1, 5))
    study = write(folder / "dicom", box, StudyInstanceUID=uid)
    pair = read_pet_ct(read_study(study))
    labels = box_mask(box)
    lesions = [LesionObject(1, box) for box in ndimage.find_objects(labels)]
    by = Algorithm("hand", "1", "MANUAL")
    write_seg(folder / f"{SECRETS['family name']}_seg.dcm", labels, pair.ct_slices, by, lesions)
    write_rtstruct(folder / f"{SECRETS['family name']}_rt.dcm", labels, pair.ct_slices, lesions, by)


@pytest.mark.parametrize(
    ("mask", "trains"), [("seg", False), ("rt", False), pytest.param("seg", True, marks=pytest.mark.slow)]
)
def test_from_dicom_to_trained_weights_nothing_tells_a_secret(here, mask, trains):
    """Folders, files and headers name the patient; slices, run, evaluation and whatever is printed do not."""
    for number, name in enumerate(("plain", "numbers"), start=1):
        dicom_with_truth(here / "in" / FOLDERS[name], f"1.2.{number}")
    paths = ("in", "--study", "*/dicom", "--mask", f"*/*_{mask}.dcm", "--workers", "1")
    shown = [run("convert", *paths, "-o", "data", "--size", "128", "--test-patients", FOLDERS["plain"])]
    assert leaks_of(here / "data") == {}
    if trains:
        write_text_into(here / "data")
        shown.append(run("train", "data", "-o", "run", *RECIPE))
        shown.append(run("evaluate", "data", "--pet-threshold", "2.5", "-o", "scored"))
    assert {code for code, _ in shown} == {0}, "".join(text for _, text in shown)
    assert leaks("".join(printed for _, printed in shown)) == []
    for out in filter(Path.exists, (here / name for name in ("run", "scored"))):
        assert leaks_of(out) == {}, out


@pytest.mark.parametrize("words", [(), ("--debug",)], ids=["plain", "debug"])
def test_a_study_that_cannot_be_converted_is_named_by_its_alias(here, words):
    dicom_with_truth(here / "in" / FOLDERS["plain"], "1.2.1")
    lose_a_slice(here / "in" / FOLDERS["plain"] / "dicom")
    write(here / "in" / FOLDERS["numbers"] / "dicom", StudyInstanceUID="1.2.2")  # no mask
    paths = ("in", "--study", "*/dicom", "--mask", "*/*_seg.dcm", "--workers", "1")
    code, printed = run("convert", *paths, "-o", "data", *words)
    assert code == 1
    assert printed.count("study-") >= 2
    assert leaks(printed) == []


def write_text_into(folder):
    """Write the secrets into every PNG below a folder, as viewers and exporters do."""
    text = PngImagePlugin.PngInfo()
    text.add_text("Patient", " ".join(SECRETS.values()))
    for file in folder.rglob("*.png"):
        with Image.open(file) as image:
            image.load()
        image.save(file, pnginfo=text)


def test_text_in_png_files_is_not_handed_on(here, monkeypatch):
    """The names of folders are the data set's own; what stands inside the files is not."""
    ids = [f"{patient}_1" for patient in ("a", "b")]
    image = np.zeros((128, 128), np.uint8)
    image[40:60, 40:60] = 255
    for slice_id in ids:
        (here / "data" / slice_id[0]).mkdir(parents=True)
        for kind in ("CT", "PET", "mask"):
            Image.fromarray(image).save(here / "data" / slice_id[0] / f"{slice_id}_{kind}.png")
    write_text_into(here / "data")
    for name in ("train", "test"):
        (here / "data" / f"{name}.txt").write_text("\n".join(ids) + "\n")
    monkeypatch.setattr("cipa.inference.weights.load_model", lambda path: BrightPet(128))
    threshold = ("--pet-threshold", "2.5", "--suv-max", "20")
    shown = [run("check", "data", "--json"), run("evaluate", "data", *threshold, "-o", "scored")]
    shown += [predict("data", "-o", "out")]
    assert [code for code, _ in shown] == [1, 0, 0], shown  # train and test share slices, says check
    assert leaks("".join(printed for _, printed in shown)) == []
    for out in ("scored", "out"):
        assert leaks_of(here / out) == {}, out
