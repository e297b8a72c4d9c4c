import re

import pytest

from cipa.report.positions import slice_name, slice_z
from study_prediction import predict


def test_a_slice_is_named_by_its_number_from_the_feet_and_its_height():
    prediction = predict([[(10, 12), (12, 14), (4, 6)]])
    slices = len(prediction.axial(prediction.mask))
    assert re.fullmatch(rf"slice 1 of {slices}, z = -?\d+ mm", slice_name(prediction, 0))
    assert slice_z(prediction, 1) > slice_z(prediction, 0)


def test_the_height_of_a_lesion_s_slices_holds_its_centroid():
    prediction = predict([[(10, 12), (12, 14), (4, 7)]])
    (lesion,) = prediction.lesions
    low, high = (slice_z(prediction, index) for index in lesion.slices)
    assert low <= lesion.centroid_mm[2] <= high
    assert lesion.centroid_mm[2] == pytest.approx((low + high) / 2, abs=1e-3)
