import re
from types import SimpleNamespace

import pytest
from PIL import Image

from cipa.report.study import MOST_PANELS, write_study_report
from study_prediction import predict, scattered

LARGE, SMALL = [(10, 16), (12, 17), (4, 9)], [(30, 32), (20, 22), (11, 12)]


def page_of(prediction, folder):
    return write_study_report(prediction, folder).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    prediction = predict(
        [LARGE, SMALL],
        warnings=["PET covers 80% of the CT"],
        study="Case 7",
        ct={"vendor": "ACME", "spacing_mm": [4.0, 5.0, 6.0]},
        suv={"how": "weight 70 kg"},
        version="9.9",
    )
    return folder, prediction, page_of(prediction, folder)


def test_one_file_holds_everything(written):
    folder, prediction, page = written
    sources = re.findall(r'src="([^"]*)"', page)
    assert len(sources) == 1 + prediction.lesion_count
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert not re.search(r"https?://|<link|<script|@import|url\(", page)
    assert sorted(path.name for path in (folder / "pictures").iterdir()) == [
        "lesion_01.png",
        "lesion_02.png",
        "mip.png",
    ]


def test_the_page_says_what_was_measured(written):
    _, prediction, page = written
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", page)
    for lesion in prediction.lesions:
        for value in (f"{lesion.volume_ml:.2f}", f"{lesion.suv_max:.1f}", f"{lesion.tlg:.1f}"):
            assert value in cells
    assert f"{prediction.mtv_ml:.1f}" in page
    assert "5–9" in cells  # slices of the large lesion, the first at the feet being 1
    assert ", ".join(f"{part:.0f}" for part in prediction.lesions[0].centroid_mm) in cells


def test_the_page_says_where_it_comes_from_and_what_it_is_not(written):
    page = written[2]
    for words in ("Case 7", "ACME", "4 × 5 × 6", "weight 70 kg", "9.9", "PET covers 80% of the CT"):
        assert words in page
    assert "not a medical device" in page


def test_the_head_of_the_page_names_tracer_and_uptake_time(tmp_path):
    suv = {"how": "weight 70 kg", "tracer": "<FDG>", "nuclide": "F-18", "uptake_minutes": 159.2}
    page = page_of(predict([], study="dicom", suv=suv), tmp_path / "dicom")
    assert "Tracer: &lt;FDG&gt; (F-18), scanned 159 min after the injection" in page
    page = page_of(predict([], study="nifti", suv={"how": "PET given in SUV"}), tmp_path / "nifti")
    assert "Tracer" not in page


def test_a_study_without_lesions_says_so_and_that_it_proves_nothing(tmp_path):
    page = page_of(predict([], study="empty"), tmp_path)
    assert "No lesion" in page
    assert "does not mean" in page
    assert "Each lesion" not in page
    assert page.count("<img") == 1


def test_of_many_lesions_all_are_listed_and_the_largest_shown(tmp_path):
    prediction = predict([LARGE, *scattered(MOST_PANELS + 6)])
    page = page_of(prediction, tmp_path)
    assert prediction.lesion_count > MOST_PANELS
    assert page.count('class="number"') == prediction.lesion_count
    assert page.count("<img") == 1 + MOST_PANELS
    assert f"{MOST_PANELS} largest of {prediction.lesion_count}" in page


def test_what_was_left_out_is_listed_with_its_reason(written, tmp_path):
    mark = SimpleNamespace(volume_ml=3.2, suv_max=0.01, reason="no uptake", centroid_mm=(1.0, 2.0, -3.0))
    prediction = predict([LARGE])
    object.__setattr__(prediction, "left_out", (mark,))
    page = page_of(prediction, tmp_path)
    assert "left out" in page
    assert re.search(r"no uptake</td>\s*<td>3.20</td>\s*<td>0.0</td>\s*<td>1, 2, -3</td>", page)
    assert "left out" not in written[2]


def test_text_of_headers_cannot_become_html(tmp_path):
    bad = "<script>alert(1)</script>"
    page = page_of(predict([], warnings=[bad], study=bad, ct={"scanner": bad}), tmp_path)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 3


def test_writing_again_replaces_the_report(written, tmp_path):
    page_of(predict([], study="first"), tmp_path)
    assert "second" in page_of(predict([], study="second"), tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_pictures_are_large_enough_for_a_slide(written):
    with Image.open(written[0] / "pictures" / "mip.png") as image:
        assert image.width >= 1000
    with Image.open(written[0] / "pictures" / "lesion_01.png") as image:
        assert image.width >= 900
