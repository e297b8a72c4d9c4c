"""Measure a node, with Orthanc as PACS.

    python -m benchmarks.serve load --count 200 --seconds 900
    python -m benchmarks.serve kills --count 60 --kills 30 --seconds 900
    python -m benchmarks.serve disk --count 40 --seconds 120       (takes root, for a small tmpfs)
    python -m benchmarks.serve latency --study STUDY --threads 2
    python -m benchmarks.serve fuzz --count 10000 --seconds 900

Small studies are four CT and four PET slices of a phantom; their network is a small one that was never
trained, as the node and not the network is measured. `latency` takes the weights in the package.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.serve import fuzz, harm, latency, load
from benchmarks.serve.tools import MISSING, has_orthanc, write_template, write_weights


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=("load", "kills", "disk", "latency", "fuzz"))
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--study", type=Path, help="folder of a DICOM study, for latency")
    given = parser.parse_args()
    if not has_orthanc():
        print(MISSING, file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as root:
        rows = measure(given, Path(root))
    print(f"| {given.what} | |\n|---|---|")
    for name, value in rows:
        print(f"| {name} | {value} |")
    return 0


def measure(given, root):
    if given.what == "latency":
        return latency.measure(root, given.study, given.threads, given.seconds)
    small = write_template(root / "template"), write_weights(root / "weights")
    count, seconds = given.count, given.seconds
    if given.what == "load":
        return load.measure(root, *small, count, seconds)
    if given.what == "kills":
        return harm.measure_kills(root, *small, count, given.kills, given.seed, seconds)
    if given.what == "disk":
        return harm.measure_full_disk(root, *small, count, seconds)
    return fuzz.measure(root, *small, count, given.seed, seconds)


if __name__ == "__main__":
    sys.exit(main())
