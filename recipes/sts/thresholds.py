"""The rows that need no network: PET above a share of its maximum, above one SUV, above the tuned SUV."""

from pathlib import Path

from cipa.data.grey_scale import read_grey_scale
from cipa.data.layout import image_path, read_ids
from cipa.data.pclt20k import PCLT20K
from cipa.evaluation.pet_threshold import ThresholdSegmenter, pet_threshold
from cipa.evaluation.scoring import score_slices
from cipa.io.png import read_grey
from cipa.training.config_file import read_recipe
from recipes.sts.rows import RECIPE
from recipes.sts.run import describe, protocol, write_row

RULES = {"PET 41 % of maximum": "41%", "PET SUV 2.5": "2.5", "PET SUV tuned": "tuned"}

SUV_MAX = 40.0
"""White of the slices that thresholds are taken on: above every SUV of these patients."""


def run_thresholds(train: Path, test: Path, out: Path) -> list[Path]:
    """Score each rule on test.txt of `test`; the tuned one is tuned on train.txt of `train`.

    Args:
        train: data set in PCLT20K layout, white at the same SUV as `test`.
        test: the data set scored.
        out: folder for the rows.

    Returns:
        The rows' files.
    """
    ids, tuned_on = read_ids(test, "test"), read_ids(train, "train")
    white = read_grey_scale(test, []).suv_max or read_recipe(RECIPE).network.suv_max
    size = len(read_grey(image_path(test, ids[0], "PET")))
    written = []
    for name, rule in RULES.items():
        found = pet_threshold(test, ids, rule, tuned_on, white, tuned_root=train)
        patients = protocol(test, ids)
        dataset, segment = PCLT20K(test, ids, size), ThresholdSegmenter(found.greys)
        result = score_slices(dataset, segment, batch_size=16, patients=patients)
        about = {"row": name, "seed": 0, "scored_on": "test patients", "rule": found.rule, "suv": found.suvs}
        about["saturated"] = found.saturated
        path = out / f"threshold-{rule.strip('%')}" / "row.json"
        write_row(path, {**about, **describe(result, patients.result())})
        written.append(path)
    return written
