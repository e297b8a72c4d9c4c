import json
from itertools import permutations, product

import nibabel
import numpy as np
import pytest
from nibabel.affines import from_matvec
from PIL import Image

from cipa.data.check import check_dataset
from cipa.data.convert import ConversionError, Recipe, SplitRule, convert_volumes, find_triples
from cipa.data.intensity import window_ct, window_pet
from cipa.data.layout import read_ids
from cipa.data.spacing import find_spacings
from cipa.errors import UsageError

SMALL = Recipe(size=128, fit="pad", slices="tumour")
ALL_TRAIN = SplitRule(fraction=0.0)
PATTERNS = ("*/CT.nii.gz", "*/PET.nii.gz", "*/mask.nii.gz")


def convert(study, out, recipe=SMALL, split=ALL_TRAIN, **options):
    return convert_volumes(find_triples(study.root, *PATTERNS), out, recipe, split, study.root, **options)


def read(out, slice_id, kind):
    return np.asarray(Image.open(out / slice_id.split("_")[0] / f"{slice_id}_{kind}.png"))


def middle(image):
    return image[53:75, 51:77]  # 22 x 26 of 128 x 128


def test_every_order_of_axes_gives_the_radiologists_view(study, tmp_path):
    codes = [
        "".join(order) for axes in permutations(("LR", "PA", "SI")) for order in product(*axes)
    ]  # all 48 orientations a file may have
    for code in codes:
        study.add(code, code)
    convert(study, tmp_path / "out")
    for code in codes:
        for k in range(1, 5):
            name = f"{code}_{k:03d}"
            assert np.array_equal(middle(read(tmp_path / "out", name, "CT")), window_ct(study.ct[:, :, k].T))
            assert np.array_equal(
                middle(read(tmp_path / "out", name, "PET")), window_pet(study.pet[:, :, k].T)
            )
            assert np.array_equal(middle(read(tmp_path / "out", name, "mask")), 255 * study.mask[:, :, k].T)


def test_a_converted_set_passes_the_check(study, tmp_path):
    for name in ("P_1", "P_2", "P_3"):
        study.add(name)
    done = convert(study, tmp_path / "out", split=SplitRule(last=1))
    report = check_dataset(tmp_path / "out")
    assert report.findings == ()
    assert report.size == 128
    assert read_ids(tmp_path / "out", "test") == [f"P3_{k:03d}" for k in range(1, 5)]
    assert [record.patient for record in done.records] == ["P1", "P2", "P3"]


def test_all_slices_are_written_when_asked_for(study, tmp_path):
    study.add("P")
    convert(study, tmp_path / "out", Recipe(size=128, fit="pad", slices="all"))
    assert read_ids(tmp_path / "out", "train") == [f"P_{k:03d}" for k in range(7)]
    assert not read(tmp_path / "out", "P_000", "mask").any()
    assert middle(read(tmp_path / "out", "P_000", "CT")).any()


def test_pet_of_a_coarser_grid_lands_where_it_is_in_the_world(study, tmp_path):
    study.add("P")
    ramp = np.broadcast_to(np.linspace(0, 10, 11, dtype=np.float32), (14, 12, 11)).transpose(2, 1, 0).copy()
    affine = from_matvec(np.diag([-3.0, -2.0, 3.0]), [15.0, 12.0, -12.0])  # SUV rises to the left, 1 in 3 mm
    study.save("P", "PET", ramp, affine)
    convert(study, tmp_path / "out")
    left = np.arange(26) - 13.0  # millimetres to the left of the world's origin
    expected = window_pet(np.clip((left + 15) / 3, 0, 10))
    assert np.abs(middle(read(tmp_path / "out", "P_002", "PET")) - expected.astype(int)).max() <= 1


def test_resampling_scales_the_spacing_with_the_pixels(study, tmp_path):
    study.add("P")
    study.mask[3:15, 5:20, 1:5] = 1
    study.save("P", "mask", study.mask)
    done = convert(
        study, tmp_path / "out", Recipe(size=128, fit="resample", field_of_view=64.0, slices="tumour")
    )
    (record,) = done.records
    assert record.plane.content == (44, 52)
    assert record.spacing == (3.0, 0.5, 0.5)
    pixels = np.count_nonzero(read(tmp_path / "out", "P_002", "mask"))
    assert 0.9 < pixels * 0.25 / np.count_nonzero(study.mask[:, :, 2]) < 1.1
    assert set(np.unique(read(tmp_path / "out", "P_002", "mask"))) == {0, 255}


def test_metadata_tells_windows_spacing_sources_and_what_looked_wrong(study, tmp_path):
    study.add("P_1")
    study.save("P_1", "CT", study.ct + np.int16(1024))
    convert(
        study,
        tmp_path / "out",
        Recipe(size=128, fit="pad", slices="tumour", suv_max=15.0, ct_window=(-500.0, 100.0)),
    )
    metadata = json.loads((tmp_path / "out" / "metadata.json").read_text())
    assert (metadata["schema"], metadata["suv_max"], metadata["ct_window_hu"]) == (1, 15.0, [-500.0, 100.0])
    patient = metadata["patients"]["P1"]
    assert find_spacings(tmp_path / "out", ["P1"]) == {"P1": (3.0, 1.0, 1.0)}
    assert patient["sources"] == {
        "ct": "P_1/CT.nii.gz",
        "pet": "P_1/PET.nii.gz",
        "mask": "P_1/mask.nii.gz",
    }
    assert "no air" in patient["warnings"][0]
    assert str(tmp_path) not in json.dumps({**patient, "warnings": []})


def bad_patients(study):
    study.add("good")
    for name in ("lost", "cut", "nan", "empty", "counts"):
        study.add(name)
    (study.root / "lost" / "mask.nii.gz").unlink()
    cut = study.root / "cut" / "CT.nii.gz"
    cut.write_bytes(cut.read_bytes()[:-500])
    study.save("nan", "PET", np.where(study.mask, np.nan, study.pet).astype(np.float32))
    study.save("empty", "mask", np.zeros_like(study.mask))
    study.save("counts", "PET", study.pet * 5000)


REASONS = {
    "lost": "no mask file",
    "cut": "damaged",
    "nan": "NaN",
    "empty": "empty mask",
    "counts": "Bq/mL",
}


def test_every_patient_that_cannot_be_converted_is_named_and_nothing_written(study, tmp_path):
    bad_patients(study)
    with pytest.raises(ConversionError, match=r"5 of 6 patients.*--skip-bad") as error:
        convert(study, tmp_path / "out")
    found = {problem.name: problem.detail for problem in error.value.problems}
    assert found.keys() == REASONS.keys()
    assert all(words in found[name] and "\n" not in found[name] for name, words in REASONS.items())
    assert [path.name for path in tmp_path.iterdir()] == ["study"]


def test_skipping_the_bad_writes_the_good_and_says_who_is_left_out(study, tmp_path):
    bad_patients(study)
    done = convert(study, tmp_path / "out", skip_bad=True)
    assert [record.patient for record in done.records] == ["good"]
    assert {problem.name for problem in done.skipped} == set(REASONS)
    metadata = json.loads((tmp_path / "out" / "metadata.json").read_text())
    assert metadata["skipped"].keys() == REASONS.keys()
    assert check_dataset(tmp_path / "out").splits["train"].patients == 1


def test_none_left_is_an_error_even_when_skipping(study, tmp_path):
    study.add("P")
    study.save("P", "mask", np.zeros_like(study.mask))
    with pytest.raises(ConversionError, match="none of 1"):
        convert(study, tmp_path / "out", skip_bad=True)
    assert not (tmp_path / "out").exists()


def test_a_tumour_too_small_for_the_image_is_named(study, tmp_path):
    study.add("P")
    single = np.zeros_like(study.mask)
    single[5, 5, 2] = 1
    study.save("P", "mask", single)
    with pytest.raises(ConversionError) as error:
        convert(study, tmp_path / "out", Recipe(size=128, fit="resample", slices="tumour"))
    assert "vanishes" in error.value.problems[0].detail


def test_a_slice_that_padding_cannot_hold_is_named(study, tmp_path):
    study.add("P")
    large = nibabel.affines.from_matvec(np.diag([-1.0, -1.0, 3.0]), [65.0, 65.0, 0.0])
    for kind, fill in (("CT", -1000), ("PET", 1), ("mask", 1)):
        study.save("P", kind, np.full((130, 130, 2), fill, np.int16), large)
    with pytest.raises(ConversionError) as error:
        convert(study, tmp_path / "out")
    assert "130 x 130" in error.value.problems[0].detail


@pytest.mark.slow
def test_two_processes_write_the_same_bytes_as_one(study, tmp_path):
    for name in ("A", "B", "C"):
        study.add(name)
    calls = []
    convert(study, tmp_path / "one")
    convert(study, tmp_path / "two", workers=2, progress=lambda *counts: calls.append(counts))
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*"))
    assert len(files) == 3 * 4 * 3 + 3
    assert all((tmp_path / "one" / f).read_bytes() == (tmp_path / "two" / f).read_bytes() for f in files)
    assert calls == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    "options",
    [
        {"size": 100},
        {"fit": "stretch"},
        {"slices": "some"},
        {"label": 0},
        {"ct_window": (200.0, -1200.0)},
        {"suv_max": 0.0},
        {"field_of_view": -1.0},
    ],
)
def test_a_recipe_out_of_range_is_refused(options):
    with pytest.raises(UsageError):
        Recipe(**options)


def test_an_occupied_folder_is_refused_and_left_alone(study, tmp_path):
    study.add("P")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("x")
    with pytest.raises(UsageError, match="not an empty folder"):
        convert(study, tmp_path / "out")
    assert (tmp_path / "out" / "mine").read_text() == "x"


def test_an_empty_mask_is_a_patient_without_tumour_where_all_slices_are_written(study, tmp_path):
    study.add("P_1")
    study.save("P_1", "mask", np.zeros_like(study.mask))
    [record] = convert(study, tmp_path / "out", Recipe(size=128, fit="pad")).records
    assert (record.slices_with_tumour, len(record.numbers)) == (0, study.mask.shape[2])
    assert "taken as a patient without tumour" in " ".join(record.warnings)
    with pytest.raises(ConversionError):
        convert(study, tmp_path / "few")
