import re

from cipa.report.pdf import make_pdf
from cipa.report.pictures import Pictures, draw_pictures
from study_prediction import predict, scattered


def pages(pdf):
    return len(re.findall(rb"/Type /Page\b", pdf))


def test_a_report_holds_words_and_every_picture(tmp_path):
    prediction = predict([[(10, 14), (10, 15), (4, 7)], [(30, 33), (20, 22), (9, 11)]], study="phantom")
    pictures = draw_pictures(prediction, tmp_path)
    assert [path.name for path in pictures.all] == ["mip.png", "lesion_01.png", "lesion_02.png"]
    pdf = make_pdf(prediction, pictures)
    assert pdf.startswith(b"%PDF-")
    assert pdf.count(b"/Subtype /Image") >= 3
    assert b"/FontFile2" in pdf


def test_many_lesions_and_warnings_go_on_over_pages(tmp_path):
    prediction = predict(scattered(90), warnings=["a line that goes on " * 20] * 10)
    assert pages(make_pdf(prediction, Pictures(None, ()))) >= 3


def test_a_study_without_a_lesion_is_one_page(tmp_path):
    assert pages(make_pdf(predict([]), Pictures(None, ()))) == 1


def test_pictures_of_the_same_result_are_drawn_once(tmp_path):
    prediction = predict([[(10, 14), (10, 15), (4, 7)]])
    first = draw_pictures(prediction, tmp_path)
    before = [path.stat().st_mtime_ns for path in first.all]
    assert [path.stat().st_mtime_ns for path in draw_pictures(prediction, tmp_path).all] == before
