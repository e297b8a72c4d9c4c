import json
from types import SimpleNamespace

import pytest

from cipa.data.grey_scale import GreyScale, read_grey_scale, require_scale
from cipa.errors import DataError

WHOLE = {"size": 256, "ct_window_hu": [-160, 240], "suv_max": 7, "pet_scaling": "arcsinh"}


def write(folder, document):
    (folder / "metadata.json").write_text(json.dumps(document))
    return folder


def test_the_scale_is_what_the_metadata_says(tmp_path):
    assert read_grey_scale(tmp_path, ["0001"]) == GreyScale()
    write(tmp_path, WHOLE)
    assert read_grey_scale(tmp_path, ["0001"]) == GreyScale(256, (-160.0, 240.0), 7.0, "arcsinh")


def test_mixed_windows_are_refused_but_not_those_of_patients_that_are_not_asked_for(tmp_path):
    write(tmp_path, WHOLE | {"patients": {"0002": {"ct_window_hu": [-1200, 200]}}})
    assert read_grey_scale(tmp_path, ["0001", "0003"]).ct_window == (-160.0, 240.0)
    assert read_grey_scale(tmp_path, ["0002"]).ct_window == (-1200.0, 200.0)
    with pytest.raises(DataError, match=r"mixed ct_window_hu: \[-160, 240\] of patient 0001, .* of 0002"):
        read_grey_scale(tmp_path, ["0001", "0002"])


@pytest.mark.parametrize(
    "change",
    [
        {"suv_max": 0},
        {"suv_max": "20"},
        {"suv_max": True},
        {"ct_window_hu": [200, -1200]},
        {"ct_window_hu": [1]},
        {"size": 2.5},
        {"pet_scaling": "log"},
    ],
)
def test_an_impossible_value_is_named(tmp_path, change):
    write(tmp_path, WHOLE | change)
    with pytest.raises(DataError, match=next(iter(change))):
        read_grey_scale(tmp_path, ["0001"])


def test_weights_of_another_scale_are_refused(tmp_path):
    write(tmp_path, WHOLE)
    learnt = {"ct_window": (-160.0, 240.0), "suv_max": 7.0, "pet_scaling": "arcsinh"}
    require_scale(SimpleNamespace(**learnt), tmp_path, ["0001"], "run")
    require_scale(SimpleNamespace(), tmp_path, ["0001"], "run")
    with pytest.raises(DataError, match="stored with suv_max 7, but run learnt from 20"):
        require_scale(SimpleNamespace(**learnt | {"suv_max": 20.0}), tmp_path, ["0001"], "run")
