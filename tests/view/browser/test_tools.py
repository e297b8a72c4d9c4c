"""Tools used in a browser: what is saved is what NumPy and SciPy make of the same clicks."""

import json

import numpy as np
import pytest
from scipy import ndimage

from browser_hand import CORONAL, Hand
from browser_study import CENTRE_LPS, LPS, ONE_BOX, SHAPE, grid_lps, on_ct_grid, suv_on_ct

RAS = np.array([-1, -1, 1])
VOXEL_ML = 2 * 2 * 3 / 1000

pytestmark = pytest.mark.slow


@pytest.fixture
def hand(served, visit):
    return Hand(visit(served.address))


@pytest.fixture
def box():
    """The lesion of the network, on the CT's grid."""
    found = np.zeros(SHAPE, bool)
    found[ONE_BOX[0]] = True
    return found


def saved(served, hand, revision=1):
    """Save, and return the labels on the CT's grid and the rows of the table."""
    hand.save(revision)
    folder = served.folder / "revisions" / f"{revision:03d}"
    return on_ct_grid(folder / "lesions.nii.gz"), json.loads((folder / "lesions.json").read_text())["lesions"]


def voxel_at(mm):
    """Return the CT's voxel nearest to a point in RAS+ millimetres."""
    return tuple(np.rint(np.linalg.inv(LPS) @ [*(mm * RAS), 1])[:3].astype(int))


def disc(mm, radius):
    """Return the voxels of a disc in an axial slice, on the CT's grid."""
    away = np.abs(grid_lps(SHAPE, LPS) - (mm * RAS)[:, None, None, None])
    return (away[2] == away[2].min()) & (np.hypot(away[0], away[1]) <= radius)


def test_the_wheel_walks_through_slices_of_the_plane_under_it_zooms_and_turns_the_projection(hand):
    page, voxel = hand.page, "() => window.cipa.scene.voxel().map(Math.round)"
    for plane, axis in ((0, 2), (CORONAL, 1)):
        x, y = hand.place(CENTRE_LPS * RAS, plane)
        page.mouse.move(x, y)
        before = page.evaluate(voxel)
        page.mouse.wheel(0, -100)
        page.mouse.wheel(0, -100)
        page.wait_for_function(f"(z) => ({voxel})()[{axis}] === z", arg=before[axis] + 2)
        page.mouse.wheel(0, 100)
        page.wait_for_function(f"(z) => ({voxel})()[{axis}] === z", arg=before[axis] + 1)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -100)
    page.wait_for_function("() => window.cipa.scene.nv.scene.pan2Dxyzmm[3] > 1.1")
    page.keyboard.up("Control")
    page.keyboard.down("Shift")
    page.mouse.wheel(0, -100)
    page.wait_for_function("() => window.cipa.settings.radius > 8")
    page.keyboard.up("Shift")
    frame = page.evaluate("() => window.cipa.mip.at")
    page.hover("#mip")
    page.mouse.wheel(0, 100)
    page.wait_for_function("(at) => window.cipa.mip.at === at + 1", arg=frame)


def test_pet_lies_over_ct_as_strongly_as_asked_or_alone_in_grey(hand):
    page, shown = hand.page, []
    hand.place(np.add(CENTRE_LPS, (12, 0, 0)) * RAS)  # SUV 7 of 10
    hand.key("h")
    hand.key("h")  # no lesions over it
    for key in (None, "-", "p", "p", "p"):
        if key:
            hand.key(key)
        shown.append(page.evaluate(COLOUR))
    fused, less, ct, pet, again = map(np.array, shown)
    assert fused[0] > fused[2] + 50  # hot colours
    assert less[0] < fused[0]
    assert ct[0] == ct[1] == ct[2]
    assert pet[0] == pet[1] == pet[2]
    assert 30 < pet[0] < 130  # dark where there is uptake
    assert np.array_equal(again, less)


def test_holes_are_filled_and_the_save_has_the_whole_again(served, hand, box):
    hand.page.fill("#size", "0.5")
    hand.key("e")
    for height in (37, 40):
        hand.press(np.array([4, -2, height]) * RAS)
    assert hand.count(1) == np.count_nonzero(box) - 2
    hand.key("f")
    assert hand.count(1) == np.count_nonzero(box)
    labels, rows = saved(served, hand)
    assert np.array_equal(labels, box)
    assert [row["voxels"] for row in rows] == [np.count_nonzero(box)]


def test_a_region_grown_from_a_click_has_the_numbers_that_a_hand_computes(served, hand, box, tmp_path):
    hand.key("n")
    hand.page.select_option("#rule", "4.0")
    hand.key("g")
    under = np.array(hand.press(CENTRE_LPS * RAS))
    labels, rows = saved(served, hand)
    suv = suv_on_ct(tmp_path / "study")
    regions, _ = ndimage.label(suv >= 4.0)
    grown = (regions == regions[voxel_at(under)]) & ~box
    assert np.count_nonzero(grown) > np.count_nonzero(box)  # so that it is lesion 1
    assert np.array_equal(labels == 1, grown)
    assert np.array_equal(labels == 2, box)
    for row, mask in zip(rows, (grown, box), strict=True):
        volume = np.count_nonzero(mask) * VOXEL_ML
        assert row["voxels"] == np.count_nonzero(mask)
        assert row["volume_ml"] == pytest.approx(volume, rel=1e-6)
        assert row["suv_mean"] == pytest.approx(suv[mask].mean(), rel=1e-4)
        assert row["tlg"] == pytest.approx(suv[mask].mean() * volume, rel=1e-4)
        assert row["suv_max"] == pytest.approx(suv[mask].max(), rel=0.03)
        x, y, z = grid_lps(SHAPE, LPS)[:, mask].mean(axis=1)
        assert [row["centroid_l_mm"], row["centroid_p_mm"], row["centroid_s_mm"]] == pytest.approx([x, y, z])
    shown = hand.page.locator("#lesions tbody tr").nth(0).locator("td").all_inner_texts()
    assert shown[2:] == [f"{rows[0][name]:.2f}" for name in ("volume_ml", "suv_max", "suv_peak", "suv_mean")]


def test_slices_between_drawn_ones_are_filled_by_signed_distances(served, hand):
    hand.key("n")
    hand.key("b")
    far = np.array([CENTRE_LPS[0] - 50, CENTRE_LPS[1], 13])  # beside the network's lesion
    low = np.array(hand.press(far * RAS))
    hand.page.fill("#size", "14")
    high = np.array(hand.press(np.add(far, (4, 0, 12)) * RAS))
    hand.key("i")
    assert hand.said().startswith("Added")
    labels, _ = saved(served, hand)
    first, last = disc(low, 8), disc(high, 14)
    z0, z1 = (np.flatnonzero(one.any(axis=(0, 1)))[0] for one in (first, last))
    distances = [signed_distance(one[:, :, z]) for one, z in ((first, z0), (last, z1))]
    expected = first | last
    for z in range(z0 + 1, z1):
        part = (z - z0) / (z1 - z0)
        expected[:, :, z] = (1 - part) * distances[0] + part * distances[1] < 0
    assert z1 - z0 == 4
    number = labels[voxel_at(low)]
    assert np.array_equal(labels == number, expected)


def signed_distance(mask):
    """Return millimetres to the nearest pixel of the other kind, negative inside."""
    outside, inside = (ndimage.distance_transform_edt(one, (2.0, 2.0)) for one in (~mask, mask))
    return outside - inside


COLOUR = """() => {
  const { scene } = window.cipa, { gl, nv } = scene, pixel = new Uint8Array(4);
  scene.drawNow();
  const [x, y] = nv.frac2canvasPosWithTile(nv.scene.crosshairPos, 0).pos.map(Math.round);
  gl.readPixels(x + 4, gl.canvas.height - y - 4, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
  return Array.from(pixel);
}"""
