"""Turn NIfTI or DICOM studies into slices in PCLT20K layout, or masks of such slices back into NIfTI.

`cipa convert ROOT --ct '*/CT.nii.gz' --pet '*/SUV.nii.gz' --mask '*/tumour.nii.gz' -o DATA` takes CT in HU,
PET in SUV and a tumour mask of each patient; --study '*' in place of --ct and --pet takes folders of DICOM
studies. Masks are NIfTI, DICOM SEG or RTSTRUCT. The patient is what the first * stands for; it names the
slices and stands in metadata.json. A folder that is named after the patient, as DICOM headers show, gets an
alias; NIfTI shows nothing, so use pseudonyms. --results RESULTS takes what was corrected in `cipa view`, the
newest revision of each result. `cipa convert --back MASKS --data DATA -o OUT` takes the masks that
`cipa evaluate` or `cipa predict` wrote to each CT's own grid.
"""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cipa.cli.parser import Parser
from cipa.cli.study_names import HIDDEN, add_keep_names
from cipa.cli.study_options import REGION, add_frame_options, check_frame_options
from cipa.cli.terminal import print_error, warn
from cipa.errors import UsageError
from cipa.progress import progress_bar
from cipa.text import plural

if TYPE_CHECKING:
    from cipa.data.convert import Problem, SplitRule
    from cipa.data.convert.sources import Sources

_PATTERNS = ("ct", "pet", "mask", "study")
_WHOLE = (["ct", "pet", "mask"], ["mask", "study"])
"""Patterns that together name all of a patient."""

_FRAMES = ("frame", "sum_frames")

_SPLITS = ("test_patients", "test_fraction", "test_last")

_FORWARD = ("root", "table", "results", *_PATTERNS, *_FRAMES, "weights", *_SPLITS)

_IMAGES = ("image_size", "ct_window", "suv_max", "pet_scaling")
"""Options that must be as the weights have them which are trained, or predict, on the data set."""


EXAMPLES = """
cipa convert ROOT --ct '*/CT.nii.gz' --pet '*/SUV.nii.gz' --mask '*/tumour.nii.gz' -o DATA
cipa convert ROOT --study '*/dicom' --mask '*/rtstruct.dcm' --region 'GTV*' -o DATA
cipa convert ROOT --study '*/dynamic' --mask '*/mask.nii.gz' --sum 8-12 -o DATA
cipa convert --table studies.csv --test-last 8 -o DATA
cipa convert --results RESULTS --weights bundled -o DATA
cipa convert --back EVALUATION/masks --data DATA -o OUT
"""


def add_arguments(parser: Parser) -> None:
    """Declare the options of `cipa convert`."""
    parser.explain("ROOT --ct PATTERN --pet PATTERN --mask PATTERN -o OUT", EXAMPLES)
    add = parser.add_argument_group("input").add_argument
    add("root", nargs="?", metavar="ROOT", help="folder that the patterns start from")
    add("--ct", metavar="PATTERN", help="CT in HU, one a patient, as '*/CT.nii.gz'")
    add("--pet", metavar="PATTERN", help="PET in SUV, on any grid of the CT's world")
    add("--study", metavar="PATTERN", help="folders of DICOM studies, CT and PET in each")
    add("--mask", metavar="PATTERN", help="tumour mask: NIfTI, DICOM SEG or RTSTRUCT file")
    add("--table", metavar="FILE", help="instead of patterns: a CSV with columns patient,ct,pet,mask")
    add("--results", metavar="FOLDER", help="instead of patterns: results that were corrected in cipa view")
    add("--studies", metavar="FOLDER", help="with --results: their studies (default: where last read)")
    add("--region", **REGION)
    add(
        "--label", type=int, metavar="N", help="value of the mask that is tumour (default: whatever is not 0)"
    )
    add("--skip-bad", action="store_true", help="leave out patients that cannot be converted")
    add_frame_options(parser)
    _add_image_options(parser)
    add = parser.add_argument_group("who is in test.txt").add_argument
    add("--test-patients", nargs="+", metavar="NAME", help="these patients")
    add("--test-last", type=int, metavar="N", help="the last N patients by name")
    add("--test-fraction", type=float, metavar="X", help="a random share of the patients (default: 0.2)")
    add("--seed", type=int, default=0, metavar="N", help="of the share")
    add = parser.add_argument_group("masks back to NIfTI").add_argument
    add("--back", metavar="MASKS", help="the other way: folder of masks as PNG")
    add("--data", metavar="DATA", help="with --back: the data set the masks are of")
    group = parser.add_argument_group("output")
    add = group.add_argument
    add("-o", "--out", required=True, metavar="OUT", help="folder to make")
    add_keep_names(group)
    add("--workers", type=int, metavar="N", help="processes (default: one a processor)")


def _add_image_options(parser: Parser) -> None:
    add = parser.add_argument_group("images").add_argument
    add("--weights", metavar="PATH", help="size, windows and scaling as these weights take them, as bundled")
    add("--image-size", "--size", type=int, metavar="N", help="pixels a side, times of 128 (default: 512)")
    add("--fit", default="auto", choices=["auto", "pad", "resample"], help="slices of other sizes")
    add("--field-of-view", type=float, default=500.0, metavar="MM", help="millimetres an image spans")
    add("--slices", default="all", choices=["all", "tumour"], help="which slices to write")
    add(
        "--ct-window",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="HU that become black and white (default: -1200 200)",
    )
    add("--suv-max", type=float, metavar="SUV", help="SUV that becomes white (default: 20)")
    add(
        "--pet-scaling",
        choices=["linear", "arcsinh"],
        help="how SUV becomes grey; arcsinh: more greys below SUV 1 (default: linear)",
    )


def run(arguments: Namespace) -> int:
    """Run `cipa convert`.

    Returns:
        0; a patient that cannot be converted is named, and makes it 1 unless --skip-bad says otherwise.

    Raises:
        UsageError: options that do not go together, or out of range.
        DataError: volumes or masks that cannot be used.
    """
    if arguments.workers is not None and arguments.workers < 1:
        raise UsageError(f"--workers {arguments.workers}: give 1 or more")
    check_frame_options(arguments)
    _refuse_mixtures(arguments)

    from cipa.data.convert import ConversionError

    try:
        skipped = _back(arguments) if arguments.back else _forward(arguments)
    except ConversionError as error:
        _name(error.problems)
        raise
    _name(skipped, "left out: ")
    return 0


def _refuse_mixtures(arguments: Namespace) -> None:
    if arguments.back or arguments.data:
        if not (arguments.back and arguments.data):
            raise UsageError("give --back MASKS and --data DATA together")
        for option in _FORWARD:
            if getattr(arguments, option) is not None:
                raise UsageError(
                    f"--back: does not go with {_flag(option)}, which is for the other direction"
                )
        return
    patterns = [name for name in _PATTERNS if getattr(arguments, name) is not None]
    if arguments.table and (patterns or arguments.root):
        raise UsageError("give --table, or a folder with --ct, --pet and --mask, not both")
    _refuse_beside_results(arguments, patterns)
    if not (arguments.table or arguments.results) and not (arguments.root and patterns in _WHOLE):
        raise UsageError(
            "nothing to convert: give ROOT with --ct, --pet and --mask (DICOM: --study and --mask), or "
            "--table, or --results, or --back with --data"
        )
    chosen = [name for name in _SPLITS if getattr(arguments, name) is not None]
    if len(chosen) > 1:
        raise UsageError(f"give one of {' and '.join(map(_flag, chosen))}: each says who is in test.txt")


def _refuse_beside_results(arguments: Namespace, patterns: list[str]) -> None:
    beside = ("root", "table", "region", "label", *_FRAMES)
    others = [name for name in beside if getattr(arguments, name)] + patterns
    if arguments.results and others:
        raise UsageError(f"--results: does not go with {_flag(others[0])}: the results say it")
    if arguments.studies and not arguments.results:
        raise UsageError(
            "--studies: only with --results; otherwise say with --study PATTERN where studies lie"
        )


def _flag(option: str) -> str:
    words = {"root": "ROOT", "sum_frames": "--sum"}
    return words.get(option, "--" + option.replace("_", "-"))


def _forward(arguments: Namespace) -> "tuple[Problem, ...]":
    from cipa.data.convert import Recipe, convert_volumes
    from cipa.data.layout import TUMOUR_ALONE

    recipe = Recipe(
        fit=arguments.fit,
        slices=arguments.slices,
        field_of_view=arguments.field_of_view,
        **_scale(arguments),
        label=arguments.label,
        regions=tuple(arguments.region),
        frame=arguments.frame,
        sum_frames=arguments.sum_frames,
    )
    with progress_bar("converting patients") as progress:
        done = convert_volumes(
            _sources(arguments),
            arguments.out,
            recipe,
            _split(arguments),
            root=_root(arguments),
            skip_bad=arguments.skip_bad,
            workers=_workers(arguments),
            progress=progress,
            keep_names=arguments.keep_names,
        )
    for record in done.records:
        for warning in record.warnings:
            warn(warning)
    for split in ("train", "test"):
        there = [record for record in done.records if record.split == split]
        slices = sum(len(record.numbers) for record in there)
        tumour = sum(record.slices_with_tumour or 0 for record in there)
        print(
            f"{arguments.out}/{split}.txt: {plural(slices, 'slice')} of {plural(len(there), 'patient')}, "
            f"{tumour:,} of them with tumour"
        )
    if all(len(record.numbers) == record.slices_with_tumour for record in done.records):
        warn(f"{TUMOUR_ALONE}; leave out --slices tumour")
    kept = sum(record.plane.content == record.plane.source for record in done.records)
    print(f"pixels kept: {plural(kept, 'patient')}; resampled: {len(done.records) - kept:,}")
    if done.aliases:
        print(HIDDEN)
    return done.skipped


def _back(arguments: Namespace) -> "tuple[Problem, ...]":
    from cipa.data.convert import restore_masks

    with progress_bar("restoring masks") as progress:
        restored, skipped = restore_masks(
            arguments.back,
            arguments.data,
            arguments.out,
            skip_bad=arguments.skip_bad,
            workers=_workers(arguments),
            progress=progress,
        )
    for mask in restored:
        print(
            f"{mask.patient}.nii.gz: {plural(mask.slices, 'slice')}, {plural(mask.voxels, 'voxel')}, "
            f"{mask.millilitres:.2f} mL"
        )
    print(f"written: {arguments.out}")
    return skipped


def _sources(arguments: Namespace) -> "Sources":
    from cipa.data.convert import find_triples, read_table

    if arguments.results:
        return _corrected_sources(arguments)
    if arguments.table:
        return read_table(arguments.table)
    ct, pet = (arguments.study, arguments.study) if arguments.study else (arguments.ct, arguments.pet)
    return find_triples(arguments.root, ct, pet, arguments.mask)


def _root(arguments: Namespace) -> Path:
    """Return the folder that metadata.json names files from."""
    if arguments.results:
        return Path(arguments.results).resolve()
    return Path(arguments.root or Path(arguments.table).parent)


def _corrected_sources(arguments: Namespace) -> "Sources":
    from cipa.view.truth import find_corrected

    studies = None if arguments.studies is None else Path(arguments.studies)
    sources, untouched = find_corrected(Path(arguments.results), studies)
    if untouched:
        names = ", ".join(untouched[:5]) + (", ..." if len(untouched) > 5 else "")
        print(f"left out, as nobody has corrected them: {plural(len(untouched), 'result')} ({names})")
    return sources


def _scale(arguments: Namespace) -> dict[str, Any]:
    """Return size, windows and scaling: as given, else as the weights named have them."""
    scale: dict[str, Any] = {}
    if arguments.weights:
        from cipa.models.checkpoints.load import load_model

        config = load_model(arguments.weights).config
        scale = {name: getattr(config, name) for name in _IMAGES if getattr(config, name, None) is not None}
    given = {name: getattr(arguments, name) for name in _IMAGES if getattr(arguments, name) is not None}
    scale |= given
    if "ct_window" in scale:
        scale["ct_window"] = (scale["ct_window"][0], scale["ct_window"][1])
    return {"size" if name == "image_size" else name: value for name, value in scale.items()}


def _split(arguments: Namespace) -> "SplitRule":
    from cipa.data.convert import SplitRule

    names = arguments.test_patients
    fraction = {} if arguments.test_fraction is None else {"fraction": arguments.test_fraction}
    return SplitRule(names and tuple(names), arguments.test_last, seed=arguments.seed, **fraction)


def _workers(arguments: Namespace) -> int:
    from cipa.parallel import processors

    return arguments.workers or processors()


def _name(problems: "tuple[Problem, ...]", outcome: str = "") -> None:
    for problem in problems:
        print_error(f"{outcome}{problem}")
