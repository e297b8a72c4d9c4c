"""A result as one HTML file with the planes of `cipa view`, to look at without a server."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cipa.errors import DataError
from cipa.files import atomic_file
from cipa.inference.result import Prediction
from cipa.io.volume import Volume
from cipa.report.pictures import study_title
from cipa.report.study import INTERACTIVE
from cipa.text import printable
from cipa.view.describe import MOST_LABELS, lesion_rows
from cipa.view.embedded import Embedded, choose_edge, embed_ct, embed_labels, embed_pet
from cipa.view.page_order import page_grid
from cipa.view.rotating_mip import mip_frame, mip_view
from cipa.view.standalone import MOST_BYTES, page_bytes, standalone_page

EVERY_FRAME = 2
"""Of the projection's frames every so many is in the file."""


def write_interactive_view(prediction: Prediction, folder: str | os.PathLike[str]) -> Path:
    """Write FOLDER/view.html: CT, PET and lesions of a study in one file below `MOST_BYTES`.

    CT and PET are averaged to the finest voxels that fit, the lesions are as they are. The file holds the
    patient's images: treat it as the study itself.

    Args:
        prediction: the study, segmented and measured.
        folder: where to; made if it is not there.

    Returns:
        The path of the file.

    Raises:
        DataError: there are more lesions than the page can draw, or even the coarsest does not fit.
        OSError: the file cannot be written; nothing is left half written under its name.
    """
    if len(prediction.lesions) > MOST_LABELS:
        raise DataError(f"{len(prediction.lesions)} lesions are more than the {MOST_LABELS} it can show")
    names = (prediction.facts.get("revision") or {}).get("names") or {}
    record = {"lesions": [{"label": int(number), "name": name} for number, name in names.items()]}
    about = {
        "name": printable(study_title(prediction), 200),
        "lesions": lesion_rows([lesion.row() for lesion in prediction.lesions], record),
        "warnings": [printable(line) for line in prediction.warnings],
        "masks": [""],
    }
    images = {"ct": prediction.ct} if "ct" in prediction.inputs else {}
    images |= {"pet": prediction.pet} if "pet" in prediction.inputs else {}
    page = interactive_page(about, prediction.ct, images, [prediction.labels])
    path = Path(folder) / INTERACTIVE
    with atomic_file(path) as partial:
        partial.write_text(page, encoding="utf-8", newline="\n")
    return path


def interactive_page(
    about: Mapping[str, Any],
    like: Volume,
    images: Mapping[str, Volume],
    masks: Sequence[npt.NDArray[np.generic]],
) -> str:
    """Return a file for looking as HTML.

    Args:
        about: `name`, `lesions` (of the first mask), `warnings`, and `masks`, what each mask is called.
        like: whose grid the masks have.
        images: `ct`, `pet` or both.
        masks: numbers of lesions; the first is drawn, the others can be outlined over it.

    Raises:
        DataError: even the coarsest voxels do not fit into `MOST_BYTES`.
    """
    volumes = {f"mask-{number}": embed_labels(mask, like) for number, mask in enumerate(masks)}
    frames, mip = _projection(images.get("pet"))
    room = MOST_BYTES - page_bytes() - sum(4 * len(frame) // 3 for frame in frames)
    room -= sum(volume.size for volume in volumes.values()) + len(str(about)) + 100_000
    edge = choose_edge([images[kind] for kind in ("ct", "pet") if kind in images], int(0.97 * room))
    embed = {"ct": embed_ct, "pet": embed_pet}
    volumes |= {f"{kind}.nii": embed[kind](image, edge) for kind, image in images.items()}
    page = standalone_page(_result(about, like, volumes, mip), volumes, frames)
    if len(page.encode()) > MOST_BYTES:
        raise DataError(f"the study does not fit into a file of {MOST_BYTES // 10**6} MB")
    return page


def _projection(pet: Volume | None) -> tuple[list[bytes], dict[str, Any] | None]:
    """Return frames of the rotating projection, and how they lie in the patient."""
    if pet is None:
        return [], None
    view = mip_view(pet)
    about: dict[str, Any] = view.as_dict()
    degrees = about["degrees"][::EVERY_FRAME]
    frames = [mip_frame(pet, EVERY_FRAME * number, view) for number in range(len(degrees))]
    return frames, about | {"count": len(frames), "degrees": degrees}


def _result(
    about: Mapping[str, Any], like: Volume, volumes: Mapping[str, Embedded], mip: dict[str, Any] | None
) -> dict[str, Any]:
    """Return the result as the page is told of it: as `GET /api/results/ID`, with what makes it a copy."""
    grids = {
        kind: volumes[f"{kind}.nii"].grid.as_dict() for kind in ("ct", "pet") if f"{kind}.nii" in volumes
    }
    told = [_told(kind, grid) for kind, grid in grids.items()]
    line = f"a copy for looking: {'; '.join(told)}. Lesions and their numbers are of the whole images"
    masks = [{"number": number, "name": name} for number, name in enumerate(about["masks"])]
    return {
        "id": "copy",
        "state": "network",
        "copy": True,
        "read_only": True,
        "name": about["name"],
        "revision": 0,
        "revisions": masks,
        "lesions": about["lesions"],
        "grid": page_grid(like.shape, like.affine).as_dict(),
        "ct_grid": grids.get("ct"),
        "pet_grid": grids.get("pet"),
        "suv": "pet" in grids,
        "inputs": "+".join(grids),
        "warnings": [line, *about["warnings"]],
        "has_autosave": False,
        "autosave": None,
        "mip": mip,
    }


def _told(kind: str, grid: dict[str, Any]) -> str:
    edges = " x ".join(f"{edge:.1f}" for edge in grid["spacing_mm"])
    steps = "256 grey values (3 HU apart in soft tissue, 10 in lung)" if kind == "ct" else "steps of SUV 0.01"
    return f"{kind.upper()} in voxels of {edges} mm and {steps}"
