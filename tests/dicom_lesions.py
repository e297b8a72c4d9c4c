"""Two lesions with a hole and an island on a small CT, for tests of DICOM objects."""

import numpy as np
from scipy import ndimage

from cipa.io.dicom.objects.lesion import Algorithm, LesionObject
from cipa.io.dicom.study import read_study
from cipa.io.dicom.volumes import read_pet_ct
from dicom_files import write_series

BY = Algorithm("CIPA nano", "1.2")

JAPANESE = {
    "SpecificCharacterSet": ["", "ISO 2022 IR 87"],
    "PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう",
}
KOREAN = {"SpecificCharacterSet": ["", "ISO 2022 IR 149"], "PatientName": "Hong^Gildong=洪^吉洞=홍^길동"}

VALUES = {"volume_ml": 1.25, "suv_max": 9.5, "suv_mean": 4.25, "suv_peak": 7.0, "tlg": 5.3125}


def pair_of(folder, **tags):
    """A CT and PET of 40 x 36 x 6 voxels, 2 x 2 x 3 mm."""
    values = np.full((40, 36, 6), 1000)
    write_series(folder / "ct", "CT", values, **tags)
    write_series(folder / "pet", "PT", values, **tags)
    return read_pet_ct(read_study(folder))


def two_lesions():
    """Labels of a ball with a hole that holds an island, and of a lesion that touches the image's edge."""
    labels = np.zeros((40, 36, 6), np.uint16)
    x, y, z = np.ogrid[:40, :36, :6]
    labels[((x - 16) ** 2 + (y - 17) ** 2 <= 110) & (z >= 1) & (z <= 4)] = 1
    labels[12:20, 13:21, 2:4] = 0
    labels[15:17, 16:18, 2] = 1
    labels[35:, 30:, 5] = 2
    labels[37, 33, 5] = 0
    return labels


def objects_of(labels):
    return [
        LesionObject(number, box, VALUES) for number, box in enumerate(ndimage.find_objects(labels), start=1)
    ]
