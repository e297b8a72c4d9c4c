import re
from dataclasses import replace
from types import SimpleNamespace

import pytest
from PIL import Image

from cipa.lesions.grown import GrownVolume
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
    about = {"tracer": "<FDG>", "nuclide": "F-18", "uptake_minutes": 159.2}
    page = page_of(predict([], study="dicom", examination=about), tmp_path / "dicom")
    assert "<dt>Tracer, dose</dt><dd>&lt;FDG&gt;, F-18, dose not stated</dd>" in page
    assert "<dt>Uptake time</dt><dd>159 min</dd>" in page
    page = page_of(predict([], study="nifti", suv={"how": "PET given in SUV"}), tmp_path / "nifti")
    assert "<dt>Tracer, dose</dt><dd>tracer not stated, dose not stated</dd>" in page


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
    assert page.count('class="number"') == 2 * prediction.lesion_count  # what it is, and where it lies
    assert page.count("disagree") == prediction.lesion_count
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


ABOUT = {
    "patient": {"pseudonym": "Case 7", "id": None},
    "examination": {
        "date": "2024-05-02",
        "sex": "F",
        "weight_kg": 61.0,
        "height_m": 1.66,
        "tracer": "FDG",
        "nuclide": "F-18",
        "dose_mbq": 251.3,
        "uptake_minutes": 61.2,
        "reconstruction": "OSEM 3i24s",
        "filter": None,
        "ct_kernel": "B31f",
        "ct_kvp": 120.0,
    },
    "sul": {"factor": 0.7, "how": "lean body mass 41.0 kg"},
    "reference": {
        "liver": {
            "centre_l_mm": -60.0,
            "centre_p_mm": 4.0,
            "centre_s_mm": 12.0,
            "voxels": 190,
            "mean_suv": 2.0,
            "sd_suv": 0.2,
            "mean_sul": 1.4,
            "sd_sul": 0.14,
        },
        "percist_region": "liver",
        "percist_threshold_suv": 3.4,
        "percist_threshold_sul": 2.38,
    },
}


def test_the_head_of_the_page_is_what_a_department_files_by(tmp_path):
    page = page_of(predict([LARGE], **ABOUT), tmp_path)
    values = re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", page)
    for entry in (
        ("Examination date", "2024-05-02"),
        ("Patient", "Case 7"),
        ("Sex, weight, height", "female, 61 kg, 1.66 m"),
        ("Tracer, dose", "FDG, F-18, 251 MBq"),
        ("Uptake time", "61 min"),
        ("PET reconstruction", "OSEM 3i24s, filter not stated"),
        ("SUL", "lean body mass 41.0 kg"),
        ("PERCIST threshold", "SULpeak 2.38 (1.5 × liver mean + 2 SD)"),
    ):
        assert entry in values
    assert ("Blood pool, cylinder of 1 × 2 cm", "not measured: --blood-pool-mm says where it is") in values


def test_a_threshold_by_the_blood_pool_is_said_to_be_one(tmp_path):
    region = ABOUT["reference"]["liver"] | {"mean_sul": 1.1, "sd_sul": 0.1}
    found = {"blood_pool": region, "percist_region": "blood_pool", "percist_threshold_suv": 3.4}
    page = page_of(
        predict([LARGE], **ABOUT | {"reference": found | {"percist_threshold_sul": 2.4}}), tmp_path
    )
    assert (
        "SULpeak 2.40 (2 × blood pool mean + 2 SD, which PERCIST takes where the liver is diseased)" in page
    )


def test_what_no_header_says_is_not_stated_and_no_reference_is_guessed(tmp_path):
    page = page_of(predict([LARGE]), tmp_path)
    assert ("Examination date", "not stated") in re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", page)
    assert "not measured: --liver-mm says where it is" in page
    assert "PERCIST threshold" not in page


def test_volumes_by_threshold_stand_beside_the_network_s_and_what_was_cut_is_marked(tmp_path):
    prediction = predict([LARGE, SMALL])
    volumes = tuple(GrownVolume(1.5 + index, 9.0, index == 2) for index in range(4))
    object.__setattr__(prediction, "lesions", [replace(one, grown=volumes) for one in prediction.lesions])
    page = page_of(prediction, tmp_path)
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", page)
    found = {cell: cells.count(cell) for cell in ("1.5 / 9.0", "3.5 / 9.0*", "3.0 / 18.0", "7.0 / 18.0*")}
    assert list(found.values()) == [2, 2, 1, 1]
    assert "is cut there" in page


def test_the_reader_finds_room_for_a_decision_on_each_lesion(written):
    page = written[2]
    assert page.count("</span>disagree") == 2
    for words in ("Missed", "<div>Name</div><div>Date</div><div>Signature</div>"):
        assert words in page
