"""Hold a prediction on a real study beside its reference mask, as a Markdown row for a model card.

    python recipes/beside_reference.py STUDY --reference MASK.nii.gz [--slices 62 85] [--card CARD]

STUDY is a DICOM folder; MASK is on its CT's grid, 1 is tumour; --slices, first and last axial slice counted
from 0 at the feet, keeps to a part of it. With --card the row is added to that file.
"""

import argparse
from pathlib import Path

import cipa
from cipa.evaluation.volume_scores import VolumeScores, score_volume
from cipa.io.nifti import read_volume
from cipa.io.orientation import axial_stack, spacing

SECTION = """
## Beside a reference mask

Real studies, with the reference as it came; whatever the number is, these weights never saw a person.

| study | slices | Dice | lesions found | false lesions | predicted mL | reference mL |
|---|---|---|---|---|---|---|
"""


def main(words: list[str] | None = None) -> None:
    """Segment, score, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("study", type=Path)
    add("--reference", type=Path, required=True)
    add("--slices", type=int, nargs=2)
    add("--weights", help="default: those of the package")
    add("--device", default="auto")
    add("--card", type=Path)
    arguments = parser.parse_args(words)
    prediction = cipa.Predictor(arguments.weights, arguments.device).predict(arguments.study)
    reference = read_volume(arguments.reference)
    truth, _ = axial_stack(reference.array, reference.affine)
    mask = prediction.axial(prediction.mask)
    if mask.shape != truth.shape:
        raise SystemExit(
            f"reference of shape {truth.shape}, CT of {mask.shape}: give a mask on the CT's grid"
        )
    first, last = arguments.slices or (0, len(mask) - 1)
    part = slice(first, last + 1)
    scores = score_volume(mask[part], truth[part] == 1, spacing(prediction.axial_affine))
    line = _row(prediction.facts["study"], (first, last), scores)
    print(SECTION + line)
    if arguments.card:
        card = arguments.card.read_text(encoding="utf-8")
        head = "" if SECTION.strip() in card else SECTION
        arguments.card.write_text(card.rstrip("\n") + "\n" + head + line + "\n", encoding="utf-8")


def _row(study: str, slices: tuple[int, int], scores: VolumeScores) -> str:
    lesions = scores.lesions
    return (
        f"| {study} | {slices[0]} to {slices[1]} | {scores.dice:.3f} | {lesions.found} of {lesions.true} | "
        f"{lesions.predicted - lesions.right} | {scores.prediction_ml:.1f} | {scores.truth_ml:.1f} |"
    )


if __name__ == "__main__":
    main()
