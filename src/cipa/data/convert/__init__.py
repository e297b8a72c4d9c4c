"""NIfTI volumes to slices in PCLT20K's layout, and masks of such slices back to the CT's own grid."""

from cipa.data.convert.back import restore_masks
from cipa.data.convert.outcome import ConversionError, Problem
from cipa.data.convert.patient import Recipe
from cipa.data.convert.sources import (
    Sources,
    Triple,
    find_triples,
    gather_sources,
    patient_id,
    read_table,
)
from cipa.data.convert.split import SplitRule
from cipa.data.convert.write import convert_volumes

__all__ = [
    "ConversionError",
    "Problem",
    "Recipe",
    "Sources",
    "SplitRule",
    "Triple",
    "convert_volumes",
    "find_triples",
    "gather_sources",
    "patient_id",
    "read_table",
    "restore_masks",
]
