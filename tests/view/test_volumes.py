"""CT, PET and masks as the page gets them: the same voxels at the same place in the patient."""

import gzip

import numpy as np
import pytest

from cipa.inference.inputs import read_input
from cipa.view.page_order import page_grid, page_order
from view_client import LESIONS, Client, image, make_result, voxels


def at(volume, affine, point):
    """Return the value at a point in mm."""
    index = np.rint(np.linalg.inv(affine) @ [*point, 1.0])[:3].astype(int)
    return np.asarray(volume)[tuple(index)]


def test_axes_run_to_the_right_the_front_and_the_head(client):
    affine = image(client.get(client.url("ct.nii")).content).affine
    assert np.all(np.diag(affine)[:3] > 0)
    assert np.allclose(affine[:3, :3], np.diag(np.diag(affine[:3, :3])))


@pytest.mark.parametrize("kind", ["ct", "pet"])
def test_every_voxel_keeps_its_value_and_its_place(client, study, kind):
    sent = image(client.get(client.url(f"{kind}.nii")).content)
    own = getattr(read_input(study), kind)
    array = np.asarray(sent.dataobj)
    for index in np.random.default_rng(0).integers(0, own.shape, (40, 3)):
        point = own.affine @ [*index, 1.0]
        assert at(array, sent.affine, point[:3]) == own.array[tuple(index)]
    assert sorted(array.shape) == sorted(own.shape)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, -1), (-1, -1, -1)])
def test_any_order_and_direction_of_axes_becomes_the_page_s(order, signs):
    array = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    affine = np.eye(4)
    affine[:3, :3] = np.diag([1.0 * signs[0], 2.0 * signs[1], 3.0 * signs[2]])[:, list(order)]
    affine[:3, 3] = 5, 6, 7
    grid, view = page_grid(array.shape, affine), page_order(array, affine)
    assert view.shape[::-1] == grid.shape
    assert np.shares_memory(view, array)
    for index in np.ndindex(array.shape):
        point = affine @ [*index, 1.0]
        x, y, z = np.rint(np.linalg.inv(grid.affine) @ point)[:3].astype(int)
        assert view[z, y, x] == array[index]


def test_packed_and_plain_files_hold_the_same(client):
    for name in ("ct", "pet", "mask"):
        packed, plain = (client.get(client.url(f"{name}.{end}")).content for end in ("nii.gz", "nii"))
        assert gzip.decompress(packed) == plain


def test_the_length_of_a_plain_volume_is_said_beforehand(client):
    answer = client.get(client.url("ct.nii"))
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_a_volume_that_the_page_has_is_not_sent_again(client):
    first = client.get(client.url("ct.nii"))
    again = client.get(client.url("ct.nii"), headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""
    other = client.get(client.url("pet.nii"), headers={"If-None-Match": first.headers["etag"]})
    assert other.status_code == 200


def test_the_network_s_lesions_have_the_numbers_of_its_table(client):
    labels = client.labels("?revision=network")
    assert labels.dtype == np.uint8
    assert np.bincount(labels.ravel())[1:].tolist() == [12, 8]
    described = client.describe()
    assert [one["voxels"] for one in described["lesions"]] == [12, 8]
    assert described["grid"]["shape"] == list(labels.shape[::-1])


def test_centroids_lie_in_the_lesions_on_the_page_s_grid(client):
    described = client.describe()
    mask = image(client.get(client.url("mask.nii")).content)
    for lesion in described["lesions"]:
        assert at(np.asarray(mask.dataobj), mask.affine, lesion["centroid_mm"]) == lesion["label"]
    assert np.allclose(described["grid"]["affine"], mask.affine, atol=1e-4)


def test_more_lesions_than_a_byte_can_number_are_sent_whole_and_read_only(study, tmp_path):
    spots = [
        (slice(i, i + 1), slice(j, j + 1), slice(0, 1)) for i in range(0, 32, 2) for j in range(0, 32, 2)
    ]
    spots += [(slice(0, 1), slice(j, j + 1), slice(4, 5)) for j in (0, 4)]
    client = Client(make_result(study, tmp_path / "many", spots, objects=()))
    labels = client.labels()
    assert labels.dtype == np.uint16
    assert labels.max() == len(spots) == 258
    described = client.describe()
    assert described["read_only"]
    assert "258 lesions" in described["warnings"][0]


def test_a_result_without_pet_has_no_suv_and_no_projection(study, tmp_path):
    from cipa.inference.measure import measure_labels
    from cipa.io.location_cache import remember_location
    from cipa.io.nifti import write_volume
    from cipa.io.studies import single_file_location

    ct = read_input(study).ct
    write_volume(tmp_path / "ct.nii.gz", ct.array, ct)
    pair = read_input(tmp_path / "ct.nii.gz")
    labels = np.zeros(ct.shape, np.uint16)
    labels[LESIONS[0]] = 1
    measure_labels(labels, pair, {}).save(tmp_path / "out")
    remember_location(single_file_location("ct", tmp_path / "ct.nii.gz", "ct"))
    client = Client(tmp_path / "out")
    described = client.describe()
    assert (described["suv"], described["pet_grid"], described["mip"]) == (False, None, None)
    assert described["lesions"][0]["suv_max"] is None
    assert client.get(client.url("pet.nii")).json() == {"error": "no PET was given"}
    assert client.get(client.url("mip/0.png")).status_code == 404
    saved = client.send(client.labels()).json()
    assert saved["lesions"][0]["suv_max"] is None
    assert saved["revision"] == 1


def test_a_study_that_lies_elsewhere_is_found_by_its_fingerprint(study, result, tmp_path, monkeypatch):
    monkeypatch.setenv("CIPA_SOURCES", str(tmp_path / "nothing"))
    client = Client(result)
    answer = client.get(client.url())
    assert answer.status_code == 404
    assert "--study FOLDER" in answer.json()["error"]
    (tmp_path / "archive").mkdir()
    study.rename(tmp_path / "archive" / "elsewhere")
    assert Client(result, given=tmp_path / "archive").describe()["lesions"]
    assert Client(result).describe()["lesions"]  # remembered from now on


def test_nothing_is_remembered_where_that_is_not_wanted(study, tmp_path, monkeypatch):
    monkeypatch.setenv("CIPA_SOURCES", "")
    client = Client(make_result(study, tmp_path / "out", objects=()))
    assert client.get(client.url()).status_code == 404


def test_the_memory_of_sources_is_the_user_s_alone(study, result, tmp_path, monkeypatch):
    from cipa.io.location_cache import remember_location
    from cipa.io.studies import find_studies

    folder = tmp_path / "private"
    monkeypatch.setenv("CIPA_SOURCES", str(folder))
    remember_location(find_studies(study)[0])
    (file,) = folder.iterdir()
    assert folder.stat().st_mode & 0o077 == 0
    assert file.stat().st_mode & 0o077 == 0


def test_another_ct_than_the_mask_s_is_refused(study, result, tmp_path):
    from cipa.io.nifti import read_volume, write_volume

    mask = read_volume(result / "mask.nii.gz")
    moved = mask.affine.copy()
    moved[0, 3] += 3
    write_volume(result / "mask.nii.gz", mask.array, type(mask)(mask.array, moved))
    answer = Client(result).get(Client(result).url())
    assert answer.status_code == 409
    assert "another grid" in answer.json()["error"]


def test_voxels_of_a_volume_fill_it(client):
    assert voxels(client.get(client.url("ct.nii")).content).size == 32 * 32 * 5
