"""Volume and TLG of each lesion by the thresholds that readers use, as cells of a table."""

from cipa.inference.result import Prediction
from cipa.lesions.grown import GrownVolume

VolumeRow = tuple[str, str, list[str]]
"""Number, cell of the outline, and a cell a threshold."""

CUT = "*"
"""Behind a volume that was cut at its reach."""


def volume_rows(prediction: Prediction) -> list[VolumeRow]:
    """Return a row a lesion and one of all; none where there is no PET or no lesion."""
    measured = [lesion for lesion in prediction.lesions if lesion.grown]
    rows = [
        (str(one.number), _cell(one.volume_ml, one.tlg or 0.0), [_grown_cell(volume) for volume in one.grown])
        for one in measured
    ]
    if len(measured) > 1:
        cells = [_grown_cell(volume) for volume in prediction.grown]
        rows.append(("All", _cell(prediction.mtv_ml, prediction.tlg or 0.0), cells))
    return rows


def _grown_cell(one: GrownVolume) -> str:
    return _cell(one.volume_ml, one.tlg) + (CUT if one.is_cut else "")


def _cell(volume_ml: float, tlg: float) -> str:
    return f"{volume_ml:.1f} / {tlg:.1f}"
