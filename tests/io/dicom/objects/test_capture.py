import numpy as np
from pydicom import dcmread

from cipa.io.dicom.objects.capture import write_capture
from cipa.io.dicom.objects.encapsulated_pdf import write_encapsulated_pdf
from dicom_lesions import BY, KOREAN, pair_of
from dicom_tools import errors_of, run


def test_a_picture_is_shown_by_dcmtk_pixel_for_pixel(tmp_path):
    pair = pair_of(tmp_path / "study", **KOREAN)
    picture = np.random.default_rng(0).integers(0, 256, (11, 13, 3), np.uint8)
    path = tmp_path / "sc.dcm"
    write_capture(path, picture, pair.ct_slices[0].header, BY, "MIP", "1.2.3.9", 2)
    assert errors_of(path) == []
    assert np.array_equal(dcmread(path).pixel_array, picture)
    code, said = run("dcmj2pnm", "--write-raw-pnm", path, tmp_path / "sc.ppm")
    assert code == 0, said
    assert (tmp_path / "sc.ppm").read_bytes().endswith(picture.tobytes())


def test_a_pdf_comes_back_byte_for_byte(pair, tmp_path):
    content = b"%PDF-1.4 of an odd length"
    write_encapsulated_pdf(tmp_path / "pdf.dcm", content, pair.ct_slices[0].header, BY)
    found = dcmread(tmp_path / "pdf.dcm")
    assert found.EncapsulatedDocument[: found.EncapsulatedDocumentLength] == content
    assert found.PatientName == "Secret^Name"
    assert errors_of(tmp_path / "pdf.dcm") == []
