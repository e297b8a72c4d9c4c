import json

import numpy as np
import pytest

from browser_hand import Hand
from browser_study import CENTRE_LPS, LPS, SHAPE, grid_lps, on_ct_grid, suv_on_ct

RAS = np.array([-1, -1, 1])
BOX = (slice(30, 36), slice(22, 28), slice(8, 12))


def test_a_brush_stroke_is_undone_saved_and_read_again_as_it_was_drawn(served, visit):
    hand = Hand(visit(served.address))
    drawn = hand.count(1)
    hand.key("b")
    under = hand.press(CENTRE_LPS * RAS)
    assert hand.count(1) > drawn
    hand.wait_for("kept")
    hand.key("Control+z")
    assert hand.count(1) == drawn
    hand.key("Control+y")
    hand.save(1)
    from_point = np.abs(grid_lps(SHAPE, LPS) - (under * RAS)[:, None, None, None])
    in_slice = from_point[2] == from_point[2].min()
    disc = in_slice & (np.hypot(from_point[0], from_point[1]) <= 8)
    expected = np.zeros(SHAPE, bool)
    expected[BOX] = True
    expected |= disc
    assert np.array_equal(on_ct_grid(served.folder / "revisions" / "001" / "lesions.nii.gz"), expected)
    rows = json.loads((served.folder / "revisions" / "001" / "lesions.json").read_text())["lesions"]
    assert [row["volume_ml"] for row in rows] == [pytest.approx(expected.sum() * 12 / 1000)]
    record = json.loads((served.folder / "revisions" / "001" / "revision.json").read_text())
    assert record["tools"] == ["brush"]
    hand.key("Control+z")
    assert hand.count(1) == drawn
    hand.wait_for("kept")
    hand.key("Control+y")
    hand.wait_for("saved")
    hand.page.reload()
    hand.page.wait_for_selector("body[data-ready]")
    assert hand.count(1) == expected.sum()
    assert np.array_equal(on_ct_grid(served.folder / "mask.nii.gz").sum(), drawn)


def test_a_threshold_in_a_sphere_takes_what_interpolated_suv_says(served, visit, tmp_path):
    hand = Hand(visit(served.address))
    hand.key("n")
    hand.key("s")
    under = hand.press(CENTRE_LPS * RAS)
    assert "highest" in hand.said()
    hand.save(1)
    suv = suv_on_ct(tmp_path / "study")
    from_point = np.linalg.norm(grid_lps(SHAPE, LPS) - (under * RAS)[:, None, None, None], axis=0)
    sphere = from_point <= 8
    hot = sphere & (suv >= 0.41 * suv[sphere].max())
    box = np.zeros(SHAPE, bool)
    box[BOX] = True
    found = on_ct_grid(served.folder / "revisions" / "001" / "lesions.nii.gz")
    assert hot.sum() > 50
    number = found[tuple(np.argwhere(hot & ~box)[0])]
    assert np.array_equal(found == number, hot & ~box)
    row = json.loads((served.folder / "revisions" / "001" / "lesions.json").read_text())["lesions"][
        number - 1
    ]
    assert row["suv_max"] == pytest.approx(suv[hot & ~box].max(), rel=0.05)


def test_lesions_are_merged_split_and_rejected_and_what_is_rejected_is_no_tumour(served, visit):
    hand = Hand(visit(served.address))
    hand.key("n")
    hand.key("b")
    hand.press(CENTRE_LPS * RAS)
    first, second = hand.count(1), hand.count(2)
    hand.page.click("#lesions tbody tr >> nth=0")
    hand.page.click("#lesions tbody tr >> nth=1", modifiers=["Control"])
    hand.key("m")
    assert hand.count(1) == first + second
    assert hand.page.locator("#lesions tbody tr").count() == 1
    hand.key("u")
    assert sorted([hand.count(1), hand.count(2)]) == sorted([first, second])
    hand.page.click("#lesions tbody tr >> nth=1")
    smaller = hand.count(2)
    hand.key("x")
    hand.save(1)
    assert hand.page.locator("#lesions tr.rejected").count() == 1
    saved = on_ct_grid(served.folder / "revisions" / "001" / "lesions.nii.gz")
    assert np.count_nonzero(saved) == first + second - smaller
    hand.key("c")
    hand.page.wait_for_selector("#said:has-text('network')")
    assert hand.page.get_attribute("[data-compare]", "aria-pressed") == "true"


@pytest.mark.slow
def test_during_a_stroke_its_plane_shows_what_drawing_everything_would(served, visit):
    hand = Hand(visit(served.address))
    page = hand.page
    hand.key("b")
    x, y = map(round, hand.place(CENTRE_LPS * RAS))
    page.evaluate(KEEP, "before")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 25, y + 10, steps=3)
    page.evaluate("() => new Promise(requestAnimationFrame)")
    page.evaluate(KEEP, "during")
    page.evaluate("() => window.cipa.scene.nv.drawScene()")
    page.evaluate(KEEP, "whole")
    page.mouse.up()
    assert page.evaluate(DIFFERENT, ["before", "during"]) > 500
    assert page.evaluate(DIFFERENT, ["during", "whole"]) == 0


KEEP = """(name) => {
  const { gl, nv } = window.cipa.scene, box = nv.screenSlices[0].leftTopWidthHeight.map(Math.round);
  const [left, top, width, height] = box, pixels = new Uint8Array(4 * width * height);
  gl.readPixels(left, gl.canvas.height - top - height, width, height, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
  window.kept = { ...window.kept, [name]: pixels };
}"""
DIFFERENT = "([a, b]) => window.kept[a].reduce((sum, one, k) => sum + (one !== window.kept[b][k]), 0)"
