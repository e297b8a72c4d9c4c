"""Patients' volumes, or a data set in PCLT20K layout, to what the rows are trained and scored on."""

from pathlib import Path
from typing import TYPE_CHECKING

from cipa.data.layout import list_path
from cipa.errors import UsageError
from cipa.parallel import processors
from cipa.training.config_file import read_recipe
from recipes.sts.rows import RECIPE

if TYPE_CHECKING:
    from cipa.data.convert import Sources

PATTERNS = ("*/CT.nii*", "*/PET_SUV.nii*", "*/GTV_CT.nii*")
"""How the volumes of a patient are called: HU, SUV on its own grid, and the contour on the CT's grid."""


def prepare(
    volumes: Path, out: Path, split: str, *, test_last: int | None = None, suv_max: float | None = None
) -> Path:
    """Convert volumes unless `volumes` is in PCLT20K layout already.

    Args:
        volumes: folder of patients' folders with `PATTERNS`, or with train.txt and test.txt.
        out: where the slices go; a conversion that stands there is taken.
        split: "train" or "test", the list that all patients go to.
        test_last: instead: that many at the end of the names are in test.txt, the others in train.txt.
        suv_max: SUV that becomes white; by default the recipe's.

    Returns:
        The folder in PCLT20K layout.

    Raises:
        DataError: there is neither, or a patient cannot be converted.
        UsageError: `test_last` for a folder whose patients are split already.
    """
    if any(list_path(volumes, name).is_file() for name in ("train", "test")):
        if test_last is not None:
            raise UsageError(f"--test-last: {volumes} has its own train.txt and test.txt")
        return volumes
    if not out.exists():
        from cipa.data.convert import Recipe, SplitRule, convert_volumes, find_triples

        network = read_recipe(RECIPE).network
        sources = find_triples(volumes, *PATTERNS)
        recipe = Recipe(
            size=network.image_size,
            fit="pad",
            slices="tumour",
            ct_window=network.ct_window,
            suv_max=network.suv_max if suv_max is None else suv_max,
        )
        rule = SplitRule(last=_last(sources, split) if test_last is None else test_last)
        convert_volumes(sources, out, recipe, rule, root=volumes, workers=processors())
    return out


def _last(sources: "Sources", split: str) -> int:
    return len(set(sources.ids.values())) if split == "test" else 0
