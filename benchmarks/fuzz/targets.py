"""The readers that are given damaged inputs: what a good input is, how it is damaged, who reads it."""

import copy
import csv
import io
import json
import random
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel
import numpy as np
import torch
from PIL import Image
from pydicom import dcmread

import cipa
from benchmarks.fuzz.mutate import CONTROL, damage_bytes, damage_csv, damage_json, damage_text, damage_yaml

SLICES = 4
"""Of a study: enough for spacing, few enough for thousands of studies."""

Damage = Callable[[random.Random, Path], None]
"""Damages one file of a folder that holds a good input."""


@dataclass(frozen=True)
class Target:
    """One reader.

    Attributes:
        name: as the table has it.
        share: part of all inputs, relative to the others.
        make: writes a good input into an empty folder.
        damage: damages it.
        read: reads the folder as the command line would.
    """

    name: str
    share: float
    make: Callable[[Path], None]
    damage: Damage
    read: Callable[[Path], Any]


def bytes_of(*patterns: str) -> Damage:
    """Return what damages the bytes of one of the files that match."""

    def damage(draw: random.Random, folder: Path) -> None:
        file = draw.choice(sorted(path for pattern in patterns for path in folder.glob(pattern)))
        file.write_bytes(damage_bytes(draw, file.read_bytes()))

    return damage


def text_of(how: Callable[[random.Random, str], bytes], *patterns: str) -> Damage:
    """Return what damages the text of one of the files that match."""

    def damage(draw: random.Random, folder: Path) -> None:
        file = draw.choice(sorted(path for pattern in patterns for path in folder.glob(pattern)))
        file.write_bytes(how(draw, file.read_text(encoding="utf-8")))

    return damage


def make_study(folder: Path) -> None:
    for name, content in study_files().items():
        path = folder / "study" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@cache
def study_files() -> dict[str, bytes]:
    """Draw a phantom's study and return the files of a few of its slices, by their paths below it."""
    from cipa.phantom.study import write_phantom_studies

    files = {}
    with tempfile.TemporaryDirectory() as folder:
        write_phantom_studies(Path(folder, "out"), 1, size=128)
        for kind in ("CT", "PET"):
            slices = sorted(Path(folder, "out", "studies", "0001", kind).glob("*.dcm"))
            middle = slices[len(slices) // 2 :][:SLICES]
            files |= {f"{kind}/{file.name}": file.read_bytes() for file in middle}
    return files


def damage_tags(draw: random.Random, folder: Path) -> None:
    """Give a tag of one slice, or of all, the value of another tag or an odd one."""
    files = sorted((folder / "study" / draw.choice(("CT", "PET"))).glob("*.dcm"))
    headers = {file: dcmread(file) for file in files}
    first = headers[files[0]]
    tags = [element.tag for element in first if element.tag != 0x7FE00010]
    tag, other = draw.choice(tags), draw.choice(tags)
    odd = draw.choice(
        (b"", b"\xff\xfe ", b"1\\2\\3 ", b"-1e400 ", b"99999999", CONTROL.encode(), b"x" * 300, None)
    )
    some = files if draw.random() < 0.6 else draw.sample(files, 1)
    for file in some:
        header = headers[file]
        if tag not in header:
            continue
        element = copy.copy(header[tag])
        if odd is None:
            del header[tag]
        else:
            raw = str(header[other].value).encode("utf-8", "replace") if draw.random() < 0.3 else odd
            element._value = raw if len(raw) % 2 == 0 else raw + b" "
            element.VR = "UN" if draw.random() < 0.5 else "OB"
            header[tag] = element
        try:
            header.save_as(file, enforce_file_format=False)
        except Exception:  # a value that pydicom will not write
            file.write_bytes(damage_bytes(draw, file.read_bytes()))


def read_study(folder: Path) -> None:
    from cipa.io.dicom.summary import summarise
    from cipa.io.studies import find_studies

    source = next(path for path in folder.iterdir())
    find_studies(folder)
    json.dumps(summarise(source), allow_nan=False)


def make_masks(folder: Path) -> None:
    """Write a study, and two lesions of it as a SEG and as an RTSTRUCT."""
    from scipy import ndimage

    from cipa.io.dicom.objects.lesion import Algorithm, LesionObject
    from cipa.io.dicom.objects.rtstruct import write_rtstruct
    from cipa.io.dicom.seg import write_seg

    make_study(folder)
    pair, by = _pair(folder), Algorithm("CIPA nano", "1.2")
    labels = np.zeros(pair.ct.shape, np.uint16)
    labels[20:40, 30:50, 1:3], labels[70:80, 70:80, 1] = 1, 2
    lesions = [LesionObject(number, box) for number, box in enumerate(ndimage.find_objects(labels), start=1)]
    write_seg(folder / "seg.dcm", labels, pair.ct_slices, by, lesions)
    write_rtstruct(folder / "rtstruct.dcm", labels, pair.ct_slices, lesions, by)


def read_masks(folder: Path) -> None:
    from cipa.io.dicom.objects.read_regions import read_regions

    pair = _pair(folder)
    for mask in sorted(folder.glob("*.dcm")):
        read_regions(mask, pair.ct, pair.pet, "", ["*"])


def _pair(folder: Path) -> Any:
    from cipa.io.dicom.study import read_study
    from cipa.io.dicom.volumes import read_pet_ct

    return read_pet_ct(read_study(folder / "study"))


def make_zip(folder: Path) -> None:
    make_study(folder)
    with zipfile.ZipFile(folder / "study.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted((folder / "study").rglob("*.dcm")):
            archive.write(file, file.relative_to(folder / "study"))
    shutil.rmtree(folder / "study")


def damage_zip(draw: random.Random, folder: Path) -> None:
    """Damage the directory of an archive more often than what is packed in it."""
    file = folder / "study.zip"
    content = file.read_bytes()
    at = content.index(b"PK\x01\x02")
    if draw.random() < 0.7:
        file.write_bytes(content[:at] + damage_bytes(draw, content[at:]))
    else:
        file.write_bytes(damage_bytes(draw, content))


def make_volume(folder: Path) -> None:
    draw = np.random.default_rng(0)
    save_nifti(folder / "a.nii", draw.integers(-1000, 1500, (16, 16, 8)).astype(np.int16))


def save_nifti(path: Path, array: np.ndarray) -> None:
    image = nibabel.Nifti1Image(array, np.diag([-2.0, -2.0, 4.0, 1.0]))
    image.set_sform(image.affine, code=1)
    image.set_qform(image.affine, code=1)
    nibabel.save(image, path)


def damage_volume(draw: random.Random, folder: Path) -> None:
    """Damage the header's fields, or any bytes, of one volume; pack it or not, before or after."""
    file = draw.choice(sorted(folder.rglob("*.nii")))
    content = file.read_bytes()
    if draw.random() < 0.6:
        header = nibabel.Nifti1Header(content[:348], check=False)
        field = draw.choice(header.keys())
        data = np.atleast_1d(header[field]).copy()
        if data.dtype.kind in "iu":
            value = draw.choice((0, 1, -1, 3, 4, 5, 16, 128, 512, 2000, 32767, -32768))
            data.flat[draw.randrange(data.size)] = np.array(value).astype(data.dtype)
        elif data.dtype.kind == "f":
            data.flat[draw.randrange(data.size)] = draw.choice(
                (0, -1, 1, 0.001, 1e30, np.inf, np.nan, 1e-40, 353)
            )
        header[field] = data.reshape(np.shape(header[field]))
        content = header.binaryblock + content[348:]
    else:
        content = damage_bytes(draw, content)
    if draw.random() < 0.4:
        import bz2
        import gzip

        content = draw.choice((gzip.compress, bz2.compress))(content)
        if draw.random() < 0.5:
            content = damage_bytes(draw, content)
    file.write_bytes(content)


def read_volume(folder: Path) -> None:
    from cipa.io.nifti import read_volume, write_volume

    volume = read_volume(folder / "a.nii")
    write_volume(folder / "out.nii.gz", (volume.array > 0).astype(np.uint8), volume)


def make_patient(folder: Path) -> None:
    draw = np.random.default_rng(0)
    shape = (16, 16, 6)
    mask = np.zeros(shape, np.uint8)
    mask[4:8, 4:8, 2:4] = 1
    images = {"CT": draw.integers(-1000, 200, shape).astype(np.int16), "mask": mask}
    images["PET"] = draw.uniform(0, 12, shape).astype(np.float32)
    (folder / "P1").mkdir()
    for name, array in images.items():
        save_nifti(folder / "P1" / f"{name}.nii", array)


def convert(folder: Path) -> None:
    from cipa.data.convert.patient import Recipe
    from cipa.data.convert.sources import find_triples
    from cipa.data.convert.split import SplitRule
    from cipa.data.convert.write import convert_volumes

    sources = find_triples(folder, "*/CT.nii", "*/PET.nii", "*/mask.nii")
    nobody = SplitRule(fraction=0)  # of one patient none can be held out
    convert_volumes(sources, folder / "out", Recipe(size=128), nobody, root=folder)


def make_slices(folder: Path) -> None:
    draw = np.random.default_rng(0)
    names = ["0001_001", "0001_002", "0002_001"]
    for name in names:
        place = folder / name[:4]
        place.mkdir(exist_ok=True)
        for kind in ("CT", "PET"):
            Image.fromarray(draw.integers(0, 256, (64, 64), np.uint8)).save(place / f"{name}_{kind}.png")
        Image.fromarray(np.eye(64, dtype=np.uint8) * 255).save(place / f"{name}_mask.png")
    (folder / "train.txt").write_text("0001_001\n0001_002\n")
    (folder / "test.txt").write_text("0002_001\n")
    spacing = {"patients": {"0001": {"spacing_mm": [3.0, 1.0, 1.0]}, "0002": {"spacing_mm": [3, 1, 1]}}}
    (folder / "metadata.json").write_text(json.dumps({"suv_max": 20.0, **spacing}))


def check(folder: Path) -> None:
    from cipa.data.check import check_dataset

    check_dataset(folder, workers=1)


def read_lists(folder: Path) -> None:
    from cipa.data.grey_scale import read_grey_scale
    from cipa.data.layout import patient_of, read_ids
    from cipa.data.spacing import find_spacings

    check(folder)
    patients = [patient_of(one) for split in ("train", "test") for one in read_ids(folder, split)]
    read_grey_scale(folder, patients)
    find_spacings(folder, patients)


def damage_lists(draw: random.Random, folder: Path) -> None:
    if draw.random() < 0.5:
        text_of(damage_json, "metadata.json")(draw, folder)
    else:
        text_of(damage_text, "*.txt")(draw, folder)


def make_converted(folder: Path) -> None:
    make_patient(folder)
    convert(folder)
    shutil.rmtree(folder / "P1")


def restore(folder: Path) -> None:
    from cipa.data.convert.back import restore_masks

    restore_masks(folder / "out", folder / "out", folder / "back")


def make_table(folder: Path) -> None:
    rows = [
        ["patient", "ct", "pet", "mask"],
        ["A", "a.nii", "b.nii", "c.nii"],
        ["B", "d.nii", "e.nii", "f.nii"],
    ]
    with (folder / "list.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def read_table(folder: Path) -> None:
    from cipa.data.convert.sources import read_table

    read_table(folder / "list.csv")


def small_network() -> torch.nn.Module:
    torch.manual_seed(0)
    return cipa.create_model("nano", image_size=128, dcim=False)


def make_folder(folder: Path) -> None:
    small_network().save_pretrained(folder / "saved")


def damage_folder(draw: random.Random, folder: Path) -> None:
    if draw.random() < 0.6:
        text_of(damage_json, "saved/config.json")(draw, folder)
        return
    file = folder / "saved" / "model.safetensors"
    content = file.read_bytes()
    length = 8 + int.from_bytes(content[:8], "little")
    file.write_bytes(damage_bytes(draw, content[:length]) + content[length:])


def load(folder: Path) -> None:
    cipa.load_model(next(path for path in folder.iterdir()))


def make_pth(folder: Path) -> None:
    from cipa.models.checkpoints.names import to_published

    state = {}
    for name, tensor in small_network().state_dict().items():
        state[to_published(name) or name] = (
            tensor.flatten(0, 1) if name.endswith((".A_logs", ".Ds")) else tensor
        )
    torch.save({"model": state, "epoch": 3}, folder / "CIPA.pth")


def damage_pth(draw: random.Random, folder: Path) -> None:
    """Replace a tensor or a key by something odd, or damage the pickle, of a zip or of the old format."""
    file = folder / "CIPA.pth"
    content = torch.load(file, weights_only=True)
    state = content["model"]
    name = draw.choice(sorted(state))
    odd: list[Any] = [
        *(
            torch.zeros(1).expand(10**5, 10**6),
            torch.tensor(1.0),
            torch.zeros(0),
            torch.zeros(3, device="meta"),
        ),
        *(
            state[name].to(torch.complex64),
            state[name].to(torch.int8),
            state[name] * float("nan"),
            "x",
            None,
            {},
        ),
        *(state[name].to(torch.float64), state[name].bool(), state[name].flatten(), [state[name]]),
    ]
    how = draw.random()
    if how < 0.3:
        state[name] = draw.choice(odd)
    elif how < 0.5:
        key = draw.choice(
            (CONTROL, "", 3, "x" * 10**5, name.replace("0", "99999"), name + ".x", "module." + name)
        )
        state[key] = state.pop(name)
    elif how < 0.55:
        content = draw.choice(([1], {}, 3, "x", {"model": 3}, {"model": {"model": {}}}, state[name]))
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=draw.random() < 0.6)
    data = buffer.getvalue()
    if how >= 0.55:  # the pickle stands first, in either format
        data = (
            damage_bytes(draw, data[:20_000]) + data[20_000:]
            if draw.random() < 0.7
            else damage_bytes(draw, data)
        )
    file.write_bytes(data)


def make_recipe(folder: Path) -> None:
    from cipa.training.config_file import write_recipe
    from cipa.training.recipe import TrainRecipe

    write_recipe(TrainRecipe(), folder / "config.yaml")


def read_recipe(folder: Path) -> None:
    from cipa.training.config_file import read_recipe

    read_recipe(folder / "config.yaml")


def make_run(folder: Path) -> None:
    from cipa.training.log import METRICS, VALIDATION

    network = torch.nn.Linear(4, 3)
    optimizer = torch.optim.AdamW(network.parameters())
    network(torch.ones(1, 4)).sum().backward()
    optimizer.step()
    run, checkpoints = _checkpoints(folder, network, optimizer)
    checkpoints.position.step = checkpoints.position.validated_step = 3
    checkpoints.save_state()
    run.metrics.write_text(f"{','.join(METRICS)}\n" + "1,1,1e-4,0.5,1,2,3\n" * 2)
    run.validation.write_text(f"{','.join(VALIDATION)}\n1,3" + ",0.5" * (len(VALIDATION) - 2) + "\n")


def damage_run(draw: random.Random, folder: Path) -> None:
    state = next(folder.rglob("state.pt"))
    how = draw.random()
    if how < 0.4:
        text_of(damage_csv, "*.csv")(draw, folder)
    elif how < 0.7:
        state.write_bytes(damage_bytes(draw, state.read_bytes()))
    else:
        content = torch.load(state, weights_only=True)
        holder: Any = content
        while draw.random() < 0.5 and (
            inner := [value for value in holder.values() if isinstance(value, dict) and value]
        ):
            holder = draw.choice(inner)
        key = draw.choice(list(holder))
        if draw.random() < 0.3:
            del holder[key]
        else:
            holder[key] = draw.choice((None, -1, "x", [], {}, torch.zeros(2), 10**30, float("nan"), {"a": 1}))
        torch.save(content, state)


def resume(folder: Path) -> None:
    from cipa.report.curves import read_columns
    from cipa.training.log import METRICS, VALIDATION
    from cipa.training.log_file import LogFile

    network = torch.nn.Linear(4, 3)
    optimizer = torch.optim.AdamW(network.parameters())
    run, checkpoints = _checkpoints(folder, network, optimizer)
    checkpoints.restore()
    LogFile(run.metrics, METRICS, checkpoints.position.step).close()
    LogFile(run.validation, VALIDATION, checkpoints.position.validated_step).close()
    read_columns(run.metrics, ("epoch", "step", "loss", "lr"))


def _checkpoints(folder: Path, network: torch.nn.Module, optimizer: torch.optim.Optimizer) -> tuple[Any, Any]:
    from cipa.training.checkpoints import Checkpoints
    from cipa.training.recipe import RunningRecipe
    from cipa.training.run_folder import RunFolder

    run = RunFolder(folder)
    alone: Any = SimpleNamespace(is_main_process=True, scaler=None, num_processes=1)
    return run, Checkpoints(run, alone, network, optimizer, None, RunningRecipe(), "data")  # type: ignore[arg-type]


def make_evaluations(folder: Path) -> None:
    for name in ("a", "b"):
        (folder / name).mkdir()
        slices = "slice,tp,fp,fn,tn\n" + "".join(f"{p:04d}_001,10,5,5,4076\n" for p in range(8))
        scores = "patient,dice,iou,acc,hd95\n" + "".join(f"{p:04d},0.{p}5,0.{p}1,0.9,{p}\n" for p in range(8))
        (folder / name / "per_slice.csv").write_text(slices)
        (folder / name / "per_patient.csv").write_text(scores)
        (folder / name / "summary.json").write_text('{"weights": "a", "dice": 0.5}')


def damage_evaluation(draw: random.Random, folder: Path) -> None:
    if draw.random() < 0.2:
        text_of(damage_json, "*/summary.json")(draw, folder)
    else:
        text_of(damage_csv, "*/*.csv")(draw, folder)


def compare(folder: Path) -> None:
    from cipa.evaluation.comparison import compare_runs
    from cipa.evaluation.runs import read_runs
    from cipa.report.comparison import write_comparison

    comparison = compare_runs(read_runs([folder / "a", folder / "b"]))
    write_comparison(folder / "out", comparison)


TARGETS = (
    Target("DICOM, bytes", 8, make_study, bytes_of("study/*/*.dcm"), read_study),
    Target("DICOM, tags", 12, make_study, damage_tags, read_study),
    Target("SEG, RTSTRUCT", 6, make_masks, bytes_of("*.dcm"), read_masks),
    Target("zip", 6, make_zip, damage_zip, read_study),
    Target("NIfTI", 14, make_volume, damage_volume, read_volume),
    Target("NIfTI through convert", 8, make_patient, damage_volume, convert),
    Target("PNG through check", 8, make_slices, bytes_of("*/*.png"), check),
    Target("lists, metadata.json", 8, make_slices, damage_lists, read_lists),
    Target("convert --back", 5, make_converted, text_of(damage_json, "out/metadata.json"), restore),
    Target("convert tables", 3, make_table, text_of(damage_csv, "list.csv"), read_table),
    Target("config.json, safetensors", 8, make_folder, damage_folder, load),
    Target(".pth, zip and old format", 7, make_pth, damage_pth, load),
    Target("YAML", 5, make_recipe, text_of(damage_yaml, "config.yaml"), read_recipe),
    Target("state.pt, logs of a run", 5, make_run, damage_run, resume),
    Target("evaluations through compare", 3, make_evaluations, damage_evaluation, compare),
)
