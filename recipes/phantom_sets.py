"""The phantoms of the recipe: drawn in parts, and gathered into data sets."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cipa.data.layout import file_name, image_path, list_path, patient_of, read_ids
from cipa.files import atomic_folder
from cipa.io.png import read_grey
from cipa.phantom import write_phantoms
from cipa.phantom.patient import WHOLE


@dataclass(frozen=True)
class Part:
    """Phantoms that are drawn together.

    Attributes:
        folder: where to; what stands there is taken.
        patients: how many.
        seed: of the data set; no two parts share one.
        size: pixels a side.
        healthy: share of the slices without tumour that are written too.
        tested: share of the patients in test.txt.
    """

    folder: Path
    patients: int
    seed: int
    size: int
    healthy: float = 0.25
    tested: float = 0.0


def draw(part: Part, workers: int) -> None:
    """Draw a part unless it stands."""
    if part.folder.exists():
        return
    print(f"drawing {part.patients} phantoms into {part.folder}", flush=True)
    write_phantoms(
        part.folder,
        part.patients,
        seed=part.seed,
        size=part.size,
        slices=(4, WHOLE),
        healthy=part.healthy,
        test_fraction=part.tested,
        workers=workers,
    )


def gather(parts: Sequence[Part], out: Path, *, tumour_only: bool = False) -> None:
    """Make one data set of the training slices of parts, unless it stands; its images are links.

    Patients are named by their part's letter and their number: a0001, b0001.

    Args:
        parts: drawn ones.
        out: the data set's folder.
        tumour_only: leave out slices without tumour.
    """
    if out.exists():
        return
    with atomic_folder(out) as folder, ThreadPoolExecutor() as pool:
        kept = []
        for letter, part in zip("abcdefgh", parts, strict=False):
            ids = read_ids(part.folder, "train")
            wanted = pool.map(lambda name, root=part.folder: not tumour_only or _shows(root, name), ids)
            for name in (name for name, one in zip(ids, wanted, strict=True) if one):
                kept.append(letter + name)
                _link(part.folder, name, folder, kept[-1])
        list_path(folder, "train").write_text("\n".join(kept) + "\n")


def _shows(root: Path, name: str) -> bool:
    return bool(read_grey(image_path(root, name, "mask")).any())


def _link(root: Path, name: str, folder: Path, new: str) -> None:
    patient = folder / patient_of(new)
    patient.mkdir(exist_ok=True)
    for image in ("CT", "PET", "mask"):
        (patient / file_name(new, image)).symlink_to(image_path(root, name, image).resolve())
