"""CT and PET in any form the caller has, as two volumes in one coordinate system."""

import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt

from cipa.errors import DataError, UsageError
from cipa.inference.examination import examination_facts, facts_without_headers
from cipa.inference.options import DICOM_ONLY, NOTHING_GIVEN, NOTHING_SAID, ReportOptions, StudyOptions
from cipa.io.dicom.folders import show_name
from cipa.io.dicom.identity import make_alias
from cipa.io.dicom.study import Study, join_studies, read_study
from cipa.io.dicom.summary import collect_warnings, suv_facts, vendor_of
from cipa.io.dicom.volumes import PetCt, read_pet_ct
from cipa.io.nifti import read_volume
from cipa.io.orientation import axial_stack, spacing
from cipa.io.studies import StudyLocation, find_studies, fingerprint_of
from cipa.io.volume import Volume
from cipa.modalities import BOTH

BELOW_ANY_WINDOW = -(2**15)
"""HU that are black whatever the window."""

NIFTI = (".nii", ".nii.gz", ".nii.bz2", ".hdr", ".img")
"""What a path must end in to be read as NIfTI; any other is DICOM."""

Image = str | os.PathLike[str] | nibabel.spatialimages.SpatialImage | npt.NDArray[Any] | Volume
Affine = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PetCtInput:
    """What is to be segmented.

    Attributes:
        ct: HU.
        pet: body-weight SUV, in the world of `ct`.
        name: what to call the study; holds nothing of the patient's identity that a DICOM header knows of.
        facts: vendor, grids and SUV, as `Prediction.facts` has them.
        warnings: what needs a second look, one line each.
        body_part: what the header calls it, empty if nothing.
        source: the DICOM pair, if it is one.
        inputs: `ct` or `pet` where the other one was not given and what stands for it is black.
        report: what the user says for the report.
    """

    ct: Volume
    pet: Volume
    name: str
    facts: dict[str, Any]
    warnings: tuple[str, ...] = ()
    body_part: str = ""
    source: PetCt | None = None
    inputs: str = BOTH
    report: ReportOptions = NOTHING_SAID

    @property
    def sul_factor(self) -> float | None:
        """What SUV is multiplied by to become SUL; None where that is not known, as the facts say."""
        factor: float | None = self.facts.get("sul", {}).get("factor")
        return factor


def read_input(
    ct: Image | Study | None = None,
    pet: Image | None = None,
    *,
    affine: Affine | None = None,
    pet_affine: Affine | None = None,
    spacing: tuple[float, float, float] | None = None,
    name: str | None = None,
    options: StudyOptions = NOTHING_GIVEN,
    report: ReportOptions = NOTHING_SAID,
) -> PetCtInput:
    """Read a pair.

    Args:
        ct: a whole study (DICOM folder, zip or what `read_study` gave, or a folder with one pair of NIfTI
            files), or the CT: a NIfTI file, nibabel image, `Volume`, or array in HU. None for PET alone.
        pet: the PET in SUV, in any of these forms; not given with a DICOM study. A DICOM folder of the CT's
            study is taken too, its SUV computed.
        affine: for arrays: (4, 4), indices to world millimetres, RAS+.
        pet_affine: of a PET array on another grid than the CT array's.
        spacing: for arrays without affine: millimetres between slices, rows and columns of (S, H, W) arrays
            whose slices run from the feet to the head, rows from front to back, columns from right to left.
        name: what to call the study, in place of the file's name.
        options: what the user says of a DICOM study.
        report: what the user says for the report.

    Returns:
        Both volumes and what is known about them.

    Raises:
        DataError: a file is missing, damaged or not what it must be, or a DICOM study lacks CT or PET.
        UsageError: the forms given do not go together.
    """
    if isinstance(ct, Study):
        return _of_study(ct, name, options, report)
    found = _nifti_pair_in(ct) if pet is None else None
    if found is not None:
        ct, pet, name = found.ct, found.pet, name or found.name
    if _is_dicom(ct):
        return _of_study(_read_studies(Path(ct), pet), name, options, report)  # type: ignore[arg-type]
    for given in options.to_dict():
        raise UsageError(f"{given}: only for a DICOM study, other PET is in SUV already")
    for given in report.to_dict():
        if given in DICOM_ONLY:
            raise UsageError(f"{given}: only for a DICOM study")
    if spacing is not None:
        affine = _axial_affine(spacing) if affine is None else affine
    if ct is None or pet is None:
        return replace(_of_one(ct, pet, affine, name, report), report=report)
    ct_volume = _volume(ct, affine, "CT")
    same = affine if pet_affine is None else pet_affine
    pet_volume = _volume(pet, same, "PET")
    if pet_affine is None and isinstance(pet, np.ndarray) and pet.shape != ct_volume.shape:
        raise UsageError(
            f"PET of shape {pet.shape} on another grid than the CT's {ct_volume.shape}: give pet_affine"
        )
    files = [Path(one) for one in (ct, pet) if isinstance(one, (str, os.PathLike))]
    facts = {
        "source": fingerprint_of(*files) if files else "",
        "ct": grid_facts(ct_volume),
        "pet": grid_facts(pet_volume),
        "suv": {"how": "PET given in SUV"},
        "given": report.to_dict(),
        **facts_without_headers(report),
    }
    return PetCtInput(ct_volume, pet_volume, name or name_of(ct), facts, report=report)


def grid_facts(volume: Volume) -> dict[str, Any]:
    """Return voxels and spacing along x, y and z: columns, rows and axial slices, mm between neighbours."""
    stack, world = axial_stack(volume.array, volume.affine)
    edges = [round(edge, 6) for edge in spacing(world)]
    return {"shape": list(stack.shape)[::-1], "spacing_mm": edges[::-1]}


def _nifti_pair_in(source: object) -> StudyLocation | None:
    """Return the pair of NIfTI files in a folder that holds one and no other study."""
    if not isinstance(source, (str, os.PathLike)) or not Path(source).is_dir():
        return None
    studies = find_studies(Path(source))
    is_pair = len(studies) == 1 and studies[0].pet is not None
    return studies[0] if is_pair else None


def _suv_of_study(pair: PetCt) -> dict[str, Any]:
    """Return the facts of the SUV, with a factor a slice only where slices have different ones."""
    facts = suv_facts(pair)
    if len(set(facts.get("factors", ()))) <= 1:
        facts.pop("factors", None)
    return facts


def _of_study(study: Study, name: str | None, options: StudyOptions, report: ReportOptions) -> PetCtInput:
    pair = read_pet_ct(study, **asdict(options))
    about, lines = examination_facts(pair, study.secrets, options, report)
    header = pair.ct_series.header
    own = show_name(study.path.name or study.path.resolve().name)
    label = name or (make_alias(header) if study.secrets.occur_in(own) else own)
    facts = {
        "source": make_alias(header),
        "ct": vendor_of(pair.ct_series) | grid_facts(pair.ct) | pair.frames["ct"],
        "pet": vendor_of(pair.pet_series) | grid_facts(pair.pet) | pair.frames["pet"],
        "suv": _suv_of_study(pair),
        "given": options.to_dict() | report.to_dict(),
        **about,
    }
    warnings = (*collect_warnings(study, pair), *lines)
    part = pair.ct_series.text("BodyPartExamined")
    return PetCtInput(
        replace(pair.ct, name=pair.ct_series.title),
        replace(pair.pet, name=pair.pet_series.title),
        label,
        facts,
        warnings,
        part,
        pair,
        report=report,
    )


def _of_one(ct: Any, pet: Any, affine: Affine | None, name: str | None, report: ReportOptions) -> PetCtInput:
    """Read the one volume that there is; what stands for the other is black in any window."""
    given = pet if ct is None else ct
    if given is None or _is_dicom(given):
        raise UsageError("nothing to segment: give a DICOM study, or CT and PET, or one of them in NIfTI")
    facts: dict[str, Any] = {
        "source": fingerprint_of(Path(given)) if isinstance(given, (str, os.PathLike)) else "",
        "ct": {},
        "pet": {},
        "suv": {"how": "no PET given" if pet is None else "PET given in SUV"},
        "given": report.to_dict(),
        **facts_without_headers(report),
    }
    label = name or name_of(given)
    if pet is None:
        volume = _volume(ct, affine, "CT")
        blank = replace(volume, array=np.zeros_like(volume.array, dtype=np.float32), name="no PET")
        warnings = ("no PET was given: lesions are without SUV",)
        return PetCtInput(volume, blank, label, facts | {"ct": grid_facts(volume)}, warnings, inputs="ct")
    volume = _volume(pet, affine, "PET")
    air = np.full_like(volume.array, BELOW_ANY_WINDOW, dtype=np.int16)
    warnings = ("no CT was given: the mask lies on the PET's grid",)
    blank = replace(volume, array=air, name="no CT")
    return PetCtInput(blank, volume, label, facts | {"pet": grid_facts(volume)}, warnings, inputs="pet")


def _read_studies(ct: Path, pet: Image | None) -> Study:
    """Read one study, from one place or from one folder for the CT and one for the PET."""
    if pet is None:
        return read_study(ct)
    if not _is_dicom(pet):
        raise UsageError(f"{ct} is DICOM and {name_of(pet)} is not: give both in one form")
    return join_studies(read_study(ct), read_study(Path(pet)))  # type: ignore[arg-type]


def _is_dicom(image: object) -> bool:
    return isinstance(image, (str, os.PathLike)) and not str(image).lower().endswith(NIFTI)


def _volume(image: object, affine: Affine | None, kind: str) -> Volume:
    if isinstance(image, Volume):
        return image
    if isinstance(image, (str, os.PathLike)):
        return replace(read_volume(image), name=Path(image).name)
    if isinstance(image, nibabel.spatialimages.SpatialImage):
        return _check(np.asanyarray(image.dataobj), image.affine, kind, image.header)
    if not isinstance(image, np.ndarray):
        raise UsageError(f"{kind} of type {type(image).__name__}: give a path, nibabel image or array")
    if affine is None:
        raise UsageError(f"{kind} as an array: give affine, or spacing of its slices, rows and columns")
    return _check(image, affine, kind)


def _check(array: npt.NDArray[Any], affine: Any, kind: str, header: Any = None) -> Volume:
    place = np.asarray(affine, dtype=np.float64)
    if array.ndim != 3 or array.dtype.kind not in "iuf" or 0 in array.shape:
        raise DataError(f"{kind} of shape {array.shape} and type {array.dtype}: give one 3-D volume")
    if place.shape != (4, 4) or not np.isfinite(place).all() or abs(np.linalg.det(place)) < 1e-9:
        raise DataError(f"{kind}: its affine is no (4, 4) matrix that can be inverted; give indices to mm")
    if not np.isfinite(array).all():
        raise DataError(f"{kind}: holds NaN or infinite values; replace them (air: CT -1000 HU, PET 0)")
    kept = header if isinstance(header, nibabel.Nifti1Header) else None
    return Volume(array if array.dtype.kind in "iu" else array.astype(np.float32), place, kept, kind)


def _axial_affine(edges: tuple[float, float, float]) -> Affine:
    """Return the affine of (slice, row, column), which run to the head, to the back and to the left."""
    between, rows, columns = edges
    return np.array([[0, 0, -columns, 0], [0, -rows, 0, 0], [between, 0, 0, 0], [0, 0, 0, 1.0]])


def name_of(image: object) -> str:
    """Return what to call a CT: the file's name without folders and endings, or `volume`."""
    if isinstance(image, (str, os.PathLike)):
        name = Path(image).name
        return next(
            (name[: -len(end)] for end in sorted(NIFTI, key=len)[::-1] if name.lower().endswith(end)), name
        )
    return image.name if isinstance(image, Volume) else "volume"
