"""The file for looking opens from a disk, shows what the server would, and asks nobody for anything."""

import numpy as np
import pytest

from browser_hand import Hand
from browser_study import CENTRE_LPS, make_prediction
from cipa.cli.main import main
from cipa.view.interactive import write_interactive_view

RAS = np.array([-1, -1, 1])


@pytest.fixture
def copy(tmp_path):
    """A file for looking."""
    return write_interactive_view(make_prediction(tmp_path / "study"), tmp_path / "copy")


def test_a_file_for_looking_opens_without_a_server(copy, visit):
    page = visit("about:blank", wait=None)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(copy.as_uri())
    page.wait_for_selector("body[data-ready]")
    assert [url for url in asked if not url.startswith(("data:", "blob:"))] == [copy.as_uri()]
    hand = Hand(page)
    hand.place(CENTRE_LPS * RAS)
    page.mouse.move(2, 2)
    words = page.inner_text("#readout")
    hu, suv = (float(words.split(before)[1].split()[0]) for before in ("≈ ", "SUV ≈ "))
    assert abs(hu - 60) <= 2
    assert suv > 11
    assert hand.count(1) == 6 * 6 * 4
    assert page.inner_text("#lesions .name") == "Lesion 1"
    assert "a copy for looking: CT in voxels of" in page.text_content("#warnings")
    for action in ("save", "undo", "brush", "accept", "compare"):
        assert not page.locator(f"[data-action={action}]").is_visible()
    hand.key("b")
    hand.press(CENTRE_LPS * RAS)
    assert hand.count(1) == 6 * 6 * 4
    page.wait_for_function("() => window.cipa.mip.frames.every(Boolean)")
    assert page.failures == []


@pytest.mark.slow
def test_the_masks_of_two_runs_lie_over_one_another(tmp_path, visit):
    from cipa.io.nifti import write_volume

    prediction = make_prediction(tmp_path / "studies" / "one")
    smaller = prediction.mask.copy()
    smaller[np.where(smaller)[0].min()] = 0
    masks = {"a": prediction.mask, "b": smaller, "truth": prediction.mask}
    for name, mask in masks.items():
        (tmp_path / name).mkdir()
        write_volume(tmp_path / name / "one.nii.gz", mask, prediction.ct)
    truth = ["--truth", str(tmp_path / "truth")]
    for run in "ab":
        words = ["evaluate", str(tmp_path / "studies"), "--masks", str(tmp_path / run), *truth]
        assert main([*words, "-o", str(tmp_path / f"run-{run}")]) == 0
    runs = [str(tmp_path / "run-a"), str(tmp_path / "run-b")]
    words = ["compare", *runs, "-o", str(tmp_path / "out"), "--studies", str(tmp_path / "studies")]
    assert main(words) == 0
    assert main([*words, "--overwrite"]) == 0
    page = visit((tmp_path / "out" / "comparison.html").as_uri(), wait=None)
    page.click(".views a")
    page.wait_for_selector("body[data-ready]")
    page.wait_for_selector("#said:has-text('run-b')")
    assert page.inner_text("#name") == "studies: run-a"
    other = page.evaluate("() => window.cipa.scene.other.counts[1]")
    assert other == np.count_nonzero(smaller)
    assert Hand(page).count(1) == np.count_nonzero(prediction.mask)
