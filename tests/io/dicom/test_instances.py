import numpy as np

from cipa.io.dicom.instances import instance_numbers
from dicom_lesions import pair_of


def test_images_are_numbered_from_the_feet_whichever_way_the_files_run(tmp_path):
    pair = pair_of(tmp_path, InstanceNumber=(11, 12, 13, 14, 15, 16))
    up = instance_numbers(pair.ct_slices, pair.ct.affine)
    assert up == [11, 12, 13, 14, 15, 16]
    down = instance_numbers(pair.ct_slices, pair.ct.affine @ np.diag([1.0, 1.0, -1.0, 1.0]))
    assert down == up[::-1]


def test_files_without_a_number_and_slices_that_are_not_axial_have_none(tmp_path):
    pair = pair_of(tmp_path)
    assert instance_numbers(pair.ct_slices, pair.ct.affine) == [None] * 6
    turned = pair.ct.affine[:, [0, 2, 1, 3]]
    assert instance_numbers(pair.ct_slices, turned) == []
