import numpy as np
import pytest

from cipa.errors import DataError
from cipa.io.dicom.objects.read_regions import read_regions
from cipa.io.dicom.objects.rtstruct import write_rtstruct
from cipa.io.dicom.seg import write_seg
from dicom_lesions import BY, objects_of, pair_of, two_lesions


@pytest.mark.parametrize("kind", ["seg", "rtstruct"])
def test_damaged_masks_are_read_or_refused_in_one_line(tmp_path, kind):
    pair, labels = pair_of(tmp_path / "study"), two_lesions()
    path = tmp_path / "mask.dcm"
    if kind == "seg":
        write_seg(path, labels, pair.ct_slices, BY, objects_of(labels))
    else:
        write_rtstruct(path, labels, pair.ct_slices, objects_of(labels), BY)
    whole = path.read_bytes()
    random = np.random.default_rng(5)
    refused = []
    for _ in range(60):
        damaged = bytearray(whole)
        for place in random.integers(132, len(whole), random.integers(1, 12)):
            damaged[place] = random.integers(256)
        if random.random() < 0.3:
            del damaged[int(random.integers(132, len(whole))) :]
        path.write_bytes(damaged)
        try:
            found = read_regions(path, pair.ct, pair.pet, "1.2.3.4", ["*"])
        except DataError as error:
            refused.append(str(error))
        else:
            assert all(mask.shape == labels.shape for mask in found.masks)
    assert len(refused) > 10
    assert all(line.startswith(str(path)) and "\n" not in line for line in refused)
