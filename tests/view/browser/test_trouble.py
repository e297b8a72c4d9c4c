"""What goes wrong is said in words on the page, and nothing that was drawn is lost."""

import errno
import gzip
import json
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest

from browser_hand import Hand
from browser_study import CENTRE_LPS, make_result

BALL = (CENTRE_LPS * [-1, -1, 1]).tolist()
ELSEWHERE = [BALL[0] + 30, BALL[1], BALL[2]]

pytestmark = pytest.mark.slow


def words(page, kind="error"):
    page.wait_for_selector(f".notice.{kind}")
    return page.inner_text(f".notice.{kind}")


def test_a_page_that_was_closed_in_the_middle_is_gone_on_with(served, visit):
    first = Hand(visit(served.address))
    first.key("n")
    first.key("b")
    first.press(BALL)
    drawn = first.count(2)
    first.wait_for("kept")
    first.page.close()
    hand = Hand(visit(served.address))
    assert "not saved are here again" in words(hand.page, "news")
    assert hand.count(2) == drawn > 0
    assert hand.page.locator("#lesions tbody tr").count() == 2
    hand.save(1)
    record = json.loads((served.folder / "revisions" / "001" / "revision.json").read_text())
    assert record["tools"] == ["new lesion", "brush"]


def test_strokes_in_quick_succession_are_kept_before_they_end(served, visit):
    page = visit(served.address)
    kept = page.evaluate("""async () => {
      const { study, saver } = window.cipa;
      for (let k = 0; k < 40 && !saver.kept; k += 1) {
        study.edit("brush", () => study.labels.set(k, 1));
        await new Promise((done) => setTimeout(done, 100));
      }
      return saver.kept !== null;
    }""")
    assert kept
    assert (served.folder / "autosave").exists()


def test_two_tabs_cannot_overwrite_each_other(served, visit):
    first, second = Hand(visit(served.address)), Hand(visit(served.address))
    first.key("b")
    first.press(BALL)
    first.wait_for("kept")
    second.key("b")
    second.press(ELSEWHERE)
    assert "another tab holds changes" in words(second.page)
    assert "still in this page" in words(second.page)
    assert second.page.locator(".notice.error button", has_text="Download my mask").count() == 1
    first.save(1)
    second.page.click(".notice.error button:has-text('Use mine')")
    assert "revision" in words(second.page)
    assert not (served.folder / "revisions" / "002").exists()


def test_a_tab_opened_beside_another_only_shows_until_it_takes_over(served, visit):
    first = Hand(visit(served.address))
    first.key("b")
    first.press(BALL)
    first.wait_for("kept")
    page = first.page.context.new_page()
    page.goto(served.address)
    page.wait_for_selector("body[data-ready]")
    second = Hand(page)
    assert "Another tab holds changes" in words(page, "warning")
    before = second.count(1)
    second.key("b")
    assert "reading only" in second.said()
    page.click("text=Take them over here")
    page.wait_for_selector(".notice.news")
    assert second.count(1) > before
    second.save(1)


def test_a_full_disk_is_said_and_saving_again_works(served, visit, monkeypatch):
    from cipa.view import workbench

    hand = Hand(visit(served.address))
    hand.key("b")
    hand.press(BALL)
    hand.wait_for("kept")
    drawn = hand.count(1)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(workbench, "save_revision", full)
        hand.key("Control+s")
        said = words(hand.page)
    assert "still in this page" in said
    assert "Free some space" in said
    assert hand.count(1) == drawn
    hand.page.click(".notice.error button:has-text('Try again')")
    hand.page.wait_for_function("() => window.cipa.study.result.revision === 1")
    assert hand.page.locator(".notice.error").count() == 0


def delete(folder):
    shutil.rmtree(folder)


def replace(folder):
    delete(folder)
    make_result(folder.parent / "study", folder, boxes=())


def change_grid(folder):
    mask = nibabel.load(folder / "mask.nii.gz")
    smaller = np.asarray(mask.dataobj)[:-2]
    nibabel.save(nibabel.Nifti1Image(smaller, mask.affine), folder / "mask.nii.gz")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [(delete, "may have been deleted"), (replace, "replaced meanwhile"), (change_grid, "replaced meanwhile")],
)
def test_a_result_that_is_no_longer_the_same_is_said_and_strokes_stay(served, visit, spoil, said):
    hand = Hand(visit(served.address))
    spoil(served.folder)
    hand.key("b")
    hand.press(BALL)
    drawn = hand.count(1)
    assert said in words(hand.page)
    hand.key("Control+s")
    hand.page.wait_for_selector(".notice[data-key=save]")
    assert said in hand.page.inner_text(".notice[data-key=save]")
    assert hand.count(1) == drawn
    with hand.page.expect_download() as download:
        hand.page.locator(".notice button", has_text="Download my mask").first.click()
    file = gzip.decompress(Path(download.value.path()).read_bytes())
    mask = np.asarray(nibabel.Nifti1Image.from_bytes(file).dataobj)
    assert np.count_nonzero(mask == 1) == drawn
    assert not (served.folder / "revisions").exists()


def test_a_mask_of_another_grid_is_said_when_it_is_opened(served, visit):
    change_grid(served.folder)
    page = visit(served.address, wait=None)
    assert "another grid" in words(page)
    assert page.locator(".notice.error button", has_text="Try again").count() == 1


def test_a_server_that_ended_is_said_and_strokes_stay(served, visit):
    hand = Hand(visit(served.address))
    served.stop()
    hand.key("b")
    hand.press(BALL)
    assert "does not answer" in words(hand.page)
    assert "not on disk yet" in words(hand.page)
    assert hand.page.get_attribute("#saved", "data-state") == "dirty"
    asked = []
    hand.page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    with hand.page.expect_event("close"):
        hand.page.close(run_before_unload=True)
    assert asked == ["beforeunload"]


def test_an_address_of_an_earlier_run_is_said(served, visit):
    page = visit(served.address.rsplit("=", 1)[0] + "=wrong", wait=None)
    assert "token" in page.inner_text("body")


def test_a_browser_without_webgl2_is_told_so(served, visit):
    script = """
      const get = HTMLCanvasElement.prototype.getContext;
      HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
        return kind === "webgl2" ? null : get.call(this, kind, ...rest);
      };
    """
    page = visit(served.address, wait=None, script=script)
    assert "WebGL2 is missing" in words(page)


def test_a_name_cannot_become_markup(served, visit):
    hand = Hand(visit(served.address))
    name = "<img src=x onerror=alert(1)>&amp;"
    hand.key("F2")
    hand.page.fill("#lesions input", name)
    hand.page.press("#lesions input", "Enter")
    assert hand.page.inner_text("#lesions .name") == name
    hand.save(1)
    assert hand.page.inner_text("#lesions .name") == name
    assert hand.page.locator("#lesions img").count() == 0


def test_of_several_results_a_list_is_shown_first(tmp_path, serve, visit):
    study = tmp_path / "study"
    for name in ("one", "two"):
        make_result(study, tmp_path / "results" / name)
    (tmp_path / "results" / "two" / "lesions.json").write_text("{")
    page = visit(serve(tmp_path / "results", study).address, wait="#results tbody tr")
    assert page.locator("#results tbody tr").count() == 2
    assert page.locator("#results a").count() == 1
    page.click("#results a")
    page.wait_for_selector("body[data-ready]")
    assert page.inner_text("#lesions .name") == "Lesion 1"
    page.click("header [data-list]")
    page.wait_for_selector("#results tbody tr")
