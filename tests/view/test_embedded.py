"""A file for looking holds the study within stated steps, at its place, and is no larger than allowed."""

import json
import re
import zlib

import numpy as np
import pytest

from cipa.cli.main import main
from cipa.errors import DataError
from cipa.io.volume import Volume
from cipa.view import interactive
from cipa.view.embedded import choose_edge, embed_ct, embed_labels, embed_pet
from cipa.view.page_order import page_order
from cipa.view.standalone import standalone_page
from view_client import LESIONS, Client, make_result

AFFINE = np.array([[0, -1.5, 0, 40], [1, 0, 0, -30], [0, 0, 3.0, 5], [0, 0, 0, 1]])


def unpack(volume):
    """Return (z, y, x), by the description in `embedded.js`."""
    raw = np.frombuffer(zlib.decompress(volume.packed, 31), np.uint8).astype(np.int64)
    low, *high = raw.reshape(volume.width, -1)
    steps = (low + 256 * (high[0] if high else 0)).reshape(volume.grid.shape[::-1])
    steps = np.cumsum(steps, axis=2) % 256**volume.width
    return np.asarray(volume.table)[steps] if volume.table else steps


@pytest.fixture
def ct():
    hu = np.random.default_rng(0).integers(-1200, 2000, (33, 22, 7)).astype(np.int16)
    return Volume(hu, AFFINE)


def test_ct_keeps_hu_within_half_a_step(ct):
    found, view = unpack(embed_ct(ct, 0)), page_order(ct.array, AFFINE).astype(int)
    shown = np.clip(view, -1024, 1500)
    soft, lung = (shown >= -200) & (shown <= 300), shown < -200
    assert np.abs(found - shown)[soft].max() <= 2
    assert np.abs(found - shown)[lung].max() <= 6
    assert np.abs(found - shown).max() <= 25


def test_pet_keeps_suv_within_half_a_hundredth():
    suv = np.random.default_rng(1).gamma(1, 3, (9, 8, 5)).astype(np.float32)
    found = unpack(embed_pet(Volume(suv, AFFINE), 0))
    assert np.abs(found * 0.01 - page_order(suv, AFFINE)).max() <= 0.00501


def test_pet_beyond_the_steps_gets_wider_ones():
    suv = np.full((4, 4, 4), 3000, np.float32)
    volume = embed_pet(Volume(suv, AFFINE), 0)
    slope = float(np.frombuffer(volume.head, "<f4", 1, 112)[0])
    assert unpack(volume).max() * slope == pytest.approx(3000, rel=1e-4)


def test_labels_are_kept_to_the_voxel(ct):
    labels = np.random.default_rng(2).integers(0, 4, ct.shape).astype(np.uint16)
    assert np.array_equal(unpack(embed_labels(labels, ct)), page_order(labels, AFFINE))


def test_averaged_voxels_lie_where_their_parts_lay(ct):
    ramp = np.einsum("a,aijk->ijk", AFFINE[0, :3], np.indices(ct.shape)) + AFFINE[0, 3]  # x in mm
    small = embed_pet(Volume((ramp + 100).astype(np.float32), AFFINE), 3.0)
    assert small.grid.shape == (11, 11, 7)
    x = small.grid.affine[0, 3] + small.grid.affine[0, 0] * np.arange(11)
    assert np.allclose(unpack(small)[0, 0] * 0.01 - 100, x, atol=0.01)


def test_the_finest_voxels_that_fit_are_chosen(ct):
    sizes = {edge: embed_ct(ct, edge).size for edge in (0.0, 2.0, 5.0)}
    assert choose_edge([ct], 10**9) == 0
    assert 0 < choose_edge([ct], sizes[0.0] // 2) < choose_edge([ct], sizes[5.0]) <= 10


def test_no_text_can_end_the_element_it_stands_in():
    page = standalone_page({"name": "</script><script>alert(1)</script>"}, {}, ())
    assert "<script>alert" not in page
    stored = re.search(r'data-part="result">(.*?)</script>', page)[1]
    assert json.loads(stored)["name"] == "</script><script>alert(1)</script>"


@pytest.fixture
def interactive_result(made, tmp_path):
    """A result that `cipa measure --interactive` made."""
    words = [
        "measure",
        str(made / "result" / "mask.nii.gz"),
        str(made / "study"),
        "-o",
        str(tmp_path / "out"),
    ]
    assert main([*words, "--interactive", "--dicom-out", "none"]) == 0
    return tmp_path / "out"


def test_the_report_links_to_the_file_for_looking(interactive_result):
    page = (interactive_result / "view.html").read_text()
    assert len(page) < 15e6
    assert re.findall(r'(?:src|href)="(?!data:)[^"]+"', page.split("<body>")[0]) == []
    assert 'href="view.html"' in (interactive_result / "report.html").read_text()


def test_a_study_that_cannot_fit_is_a_warning_and_the_report_has_no_link(made, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(interactive, "MOST_BYTES", 2_400_000)
    words = [
        "measure",
        str(made / "result" / "mask.nii.gz"),
        str(made / "study"),
        "-o",
        str(tmp_path / "out"),
    ]
    assert main([*words, "--interactive", "--dicom-out", "none"]) == 0
    assert "interactive view was not written" in capsys.readouterr().err
    assert not (tmp_path / "out" / "view.html").exists()
    assert "view.html" not in (tmp_path / "out" / "report.html").read_text()


def test_more_lesions_than_the_page_draws_are_refused(made, tmp_path):
    from cipa.inference.locations import read_location
    from cipa.inference.measure import measure_labels
    from cipa.inference.options import StudyOptions
    from cipa.io.studies import find_studies

    pair = read_location(find_studies(made / "study")[0], StudyOptions())
    prediction = measure_labels(np.zeros_like(pair.ct.array, np.uint16), pair, {})
    prediction.lesions.extend([None] * 256)
    with pytest.raises(DataError, match="256 lesions"):
        interactive.write_interactive_view(prediction, tmp_path)


def test_a_revision_has_the_file_for_looking_where_its_result_has(study, tmp_path):
    result = make_result(study, tmp_path / "result", LESIONS[:1], objects=())
    (result / "view.html").write_text("of the network")
    client = Client(result)
    assert client.send(client.labels()).status_code == 200
    assert 'data-part="ct.nii"' in (result / "revisions" / "001" / "view.html").read_text()
