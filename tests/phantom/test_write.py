import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cipa.data.check import check_dataset
from cipa.data.layout import patient_of, read_ids
from cipa.data.spacing import find_spacings
from cipa.errors import UsageError
from cipa.phantom.patient import draw_patient
from cipa.phantom.write import held_out_patients, write_phantoms


def _digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*.png")
    }


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("phantom") / "data"
    write_phantoms(out, patients=3, seed=2, size=128, slices=(1, 3), test_fraction=0.34)
    return out


def test_the_data_set_passes_the_check(data):
    report = check_dataset(data)
    assert report.errors == 0
    assert report.warnings == 0
    assert report.size == 128


def test_lists_split_by_patient_and_name_every_slice(data):
    train, test = read_ids(data, "train"), read_ids(data, "test")
    assert len({patient_of(each) for each in train}) == 2
    assert len({patient_of(each) for each in test}) == 1
    assert not {patient_of(each) for each in train} & {patient_of(each) for each in test}
    assert len(train + test) == len(list(data.rglob("*_mask.png")))


def test_images_are_8_bit_grey_and_masks_binary(data):
    for path in data.rglob("*.png"):
        with Image.open(path) as image:
            assert image.mode == "L"
            if path.name.endswith("_mask.png"):
                assert set(np.unique(np.asarray(image))) == {0, 255}


def test_a_patient_is_the_same_bytes_whatever_the_number_of_patients_and_workers(data, tmp_path):
    write_phantoms(tmp_path / "two", patients=2, seed=2, size=128, slices=(1, 3), workers=2)
    expected = {name: digest for name, digest in _digests(data).items() if not name.startswith("0003")}
    assert _digests(tmp_path / "two") == expected


def test_progress_counts_the_patients(tmp_path):
    seen = []
    progress = lambda done, total: seen.append((done, total))  # noqa: E731
    write_phantoms(tmp_path / "out", patients=2, size=128, slices=(1, 1), progress=progress)
    assert seen == [(1, 2), (2, 2)]


def test_a_failure_leaves_nothing_behind(tmp_path):
    def fail(done, total):
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_phantoms(tmp_path / "out", patients=2, size=128, slices=(1, 1), progress=fail)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"patients": 0}, "0 patients"),
        ({"seed": -1}, "seed -1"),
        ({"size": 200}, "size 200"),
        ({"size": 0}, "size 0"),
        ({"slices": (5, 2)}, "slices 5 to 2"),
        ({"slices": (0, 2)}, "slices 0 to 2"),
        ({"slices": (60, 90)}, "at least 60 slices"),
        ({"test_fraction": 1.0}, "test fraction 1"),
        ({"workers": 0}, "0 workers"),
    ],
)
def test_values_out_of_range_are_refused_by_name(tmp_path, change, says):
    with pytest.raises(UsageError, match=says):
        write_phantoms(tmp_path / "out", **({"patients": 1, "size": 128} | change))
    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="not an empty folder"):
        write_phantoms(tmp_path, patients=1, size=128)
    with pytest.raises(UsageError, match="not an empty folder"):
        write_phantoms(tmp_path / "notes.txt", patients=1, size=128)
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("patients", "fraction", "count"), [(10, 0.2, 2), (2, 0.01, 1), (2, 0.99, 1), (1, 0.5, 0), (7, 0.0, 0)]
)
def test_the_held_out_share_is_kept_with_both_lists_filled_where_possible(patients, fraction, count):
    chosen = held_out_patients(patients, 0, fraction)
    assert len(chosen) == count
    assert chosen == sorted(set(chosen))
    assert all(0 <= index < patients for index in chosen)


def test_another_seed_holds_out_other_patients():
    assert held_out_patients(50, 0, 0.2) != held_out_patients(50, 1, 0.2)


def test_the_spacing_of_the_voxels_is_written_beside_the_lists(data):
    spacings = find_spacings(data, ["0001", "0003"])
    assert spacings["0003"] == pytest.approx(draw_patient(2, 2, size=128, slices=(1, 3)).spacing)
