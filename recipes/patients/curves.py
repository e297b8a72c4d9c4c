"""Losses of finished jobs, a panel a network, a line a fold."""

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path


def draw_losses(folders: Iterable[Path], target: Path) -> None:
    """Draw the training losses of OUT/NETWORK-RUN.json, averaged as training reported them, as a PNG."""
    from matplotlib.figure import Figure

    groups: defaultdict[str, list[tuple[str, list[tuple[int, float]]]]] = defaultdict(list)
    for path in sorted(path for folder in folders for path in folder.glob("*.json")):
        job = json.loads(path.read_text(encoding="utf-8"))
        if "losses" in job:
            network, _, run = job["name"].rpartition("-")
            groups[network].append((run, job["losses"]))
    figure = Figure(figsize=(2.6 * len(groups), 2.6), layout="constrained")
    axes = figure.subplots(1, len(groups), sharey=True, squeeze=False)[0]
    for axis, (network, runs) in zip(axes, groups.items(), strict=True):
        for run, losses in runs:
            axis.plot(*zip(*losses, strict=True), label=run, linewidth=1)
        axis.set(title=network, xlabel="step", ylim=(0, 0.6))
        axis.legend(title="fold", fontsize=6, title_fontsize=6)
    axes[0].set_ylabel("BCE + Dice of the batch")
    figure.savefig(target, dpi=110)
