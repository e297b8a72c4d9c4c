"""The card of the bundled weights, filled with what was measured."""

from collections.abc import Mapping
from typing import Any

ROWS = {
    "float16": "these weights",
    "float32": "before rounding to float16",
    "pet": "PET above SUV {pet_suv:.1f}, {pet_smallest_ml:g} mL and {pet_shortest_mm:g} mm, the best of all on the "
    "tuning patients",
}

CARD = """# nano, trained on phantoms

Weights of `cipa`'s smallest network ({parameters:,} parameters, {megabytes:.2f} MB in float16) that come with the package,
so that `cipa predict` and `cipa demo` work before anyone has trained anything. **Research software, not a medical
device.** {verdict}

## Data

{patients} computer-drawn thorax PET-CT phantoms (`cipa phantom`, seeds 1 and 3): {slices:,} axial slices of {size} x {size} pixels
over 500 mm, all that show tumour and a quarter of the others. No person's image was used. CT is scaled from [-1200, 200]
HU and PET from SUV 0 to 20.

## Recipe

`recipes/nano_phantom.py`, torch {torch}: first the slices with tumour (`recipes/nano-tumour.yaml`), then all
(`recipes/nano-phantom.yaml`). Both, resolved:

```yaml
{recipe}
```

## Scores

{test_patients} phantom patients that nothing was trained or chosen on (seed 4), every slice of the thorax, {study_size} x {study_size} pixels that
become the network's, and its answer theirs, as in `cipa predict`; means over patients, in 3-D. The threshold, {threshold:g},
and the least lesion that is kept, {smallest_ml:g} mL and {shortest_mm:g} mm across slices, were chosen on {tuning_patients} others. A lesion is found
by any overlap; every predicted lesion without overlap counts as false.

| | Dice | lesion F1 | lesion sensitivity | lesion precision |
|---|---|---|---|---|
{table}

## Limits

- Phantoms are simpler than people. The scores above say that the software works and that the network learnt; they say
  nothing about patients. Expect missed and false lesions on any real study.
- Brain, bladder, kidneys and bowel were never seen: uptake outside the thorax will be taken for tumour.
- FDG PET in body-weight SUV with attenuation correction, and CT of a thorax, are expected.
- For anything but trying the software out, train on your own data (`cipa train`).
"""

UNDER = "They are below what this project asks of them (Dice and lesion F1 of 0.85 on phantoms): a stand-in."
OVER = "They reach what this project asks of them on phantoms (Dice and lesion F1 of 0.85), a floor to start from."


def model_card(about: Mapping[str, Any], scores: Mapping[str, Mapping[str, float]]) -> str:
    """Return the card as Markdown.

    Args:
        about: patients, slices, sizes, threshold, recipe; as `recipes/nano_phantom.py` gathers them.
        scores: of "float16", "float32" and "pet": dice, lesion_f1, lesion_sensitivity, lesion_precision.
    """
    names = ("dice", "lesion_f1", "lesion_sensitivity", "lesion_precision")
    table = "\n".join(
        f"| {label.format(**about)} | " + " | ".join(f"{scores[key][name]:.3f}" for name in names) + " |"
        for key, label in ROWS.items()
    )
    good = min(scores["float16"]["dice"], scores["float16"]["lesion_f1"]) >= 0.85
    values = dict(about) | {"recipe": about["recipe"].strip(), "table": table}
    return CARD.format(**values, verdict=OVER if good else UNDER)
