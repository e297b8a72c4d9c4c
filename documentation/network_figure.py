"""Draws docs/images/network.svg, the figure of the network: `python -m documentation.network_figure`."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from xml.sax.saxutils import escape

OUT = Path(__file__).parents[1] / "docs" / "images" / "network.svg"

WIDTH, HEIGHT = 980, 500
STAGES = (
    ("128 x 128", "C = dim"),
    ("64 x 64", "C = 2 dim"),
    ("32 x 32", "C = 4 dim"),
    ("16 x 16", "C = 8 dim"),
)
ROWS = (110, 200, 290, 380)
"""Middle of each stage's row, px."""

HALF = 28
"""Half the height of a box, px."""

COLOURS = {
    "image": ("#e8eaf6", "#3949ab"),
    "encoder": ("#e3f2fd", "#1565c0"),
    "crm": ("#fff3e0", "#ef6c00"),
    "dcim": ("#fce4ec", "#c2185b"),
    "decoder": ("#e8f5e9", "#2e7d32"),
}
"""Fill and edge by what a box is."""

STYLE = "text{font:13px sans-serif;fill:#222}.small{font-size:11px;fill:#555}.head{font-weight:bold}"


def figure() -> str:
    """Return the SVG."""
    parts = "\n".join([*_images(), *_encoder(), *_fusion(), *_decoder(), *_heads()])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'aria-label="CIPA: CT and PET through one encoder of four stages; each pair of feature maps is '
        'rectified by the CRM and fused by the DCIM; the decoder joins the four fused maps to logits">\n'
        f"<style>{STYLE}</style>\n"
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0L8 4L0 8z" fill="#555"/></marker></defs>\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>\n{parts}\n</svg>\n'
    )


def _images() -> Iterator[str]:
    for name, middle in (("CT", ROWS[0] + 45), ("PET", ROWS[2])):
        yield _box(20, middle, 90, "image", name, "(B, 1, 512, 512)")
        yield _arrow((110, middle), (165, middle))


def _encoder() -> Iterator[str]:
    top, bottom = ROWS[0] - 45, ROWS[-1] + 45
    yield _rectangle(165, top, 190, bottom - top, "encoder", light=True)
    for (grid, channels), middle in zip(STAGES, ROWS, strict=True):
        yield _box(185, middle, 150, "encoder", f"stage {ROWS.index(middle)}: VMamba", f"{grid}, {channels}")
        yield _arrow((335, middle - 10), (425, middle - 10))
        yield _arrow((335, middle + 10), (425, middle + 10))
        yield _text(380, middle - 15, "ct", "small")
        yield _text(380, middle + 23, "pet", "small")
    for above, below in pairwise(ROWS):
        yield _arrow((260, above + HALF), (260, below - HALF))


def _fusion() -> Iterator[str]:
    for middle in ROWS:
        yield _box(425, middle, 105, "crm", "CRM", "weighs channels")
        yield _arrow((530, middle), (575, middle))
        yield _box(575, middle, 125, "dcim", "DCIM", "windows + regions")
        yield _arrow((700, middle), (755, middle))


def _decoder() -> Iterator[str]:
    for middle, width in zip(ROWS, ("dim", "2 dim", "4 dim", "8 dim"), strict=True):
        second = f"upsample, from {width}" if middle == ROWS[-1] else f"add, 4 blocks, {width}"
        yield _box(755, middle, 150, "decoder", f"decoder {ROWS.index(middle)}", second)
    for below, above in zip(ROWS[:0:-1], ROWS[-2::-1], strict=True):
        yield _arrow((830, below - HALF), (830, above + HALF))
    yield _arrow((905, ROWS[0]), (960, ROWS[0]))
    yield _text(940, ROWS[0] - 12, "logits", "head")
    yield _text(940, ROWS[0] + 20, "x 4", "small")


def _heads() -> Iterator[str]:
    yield _text(260, 42, "one encoder, shared: CT and PET stacked", "head")
    yield _text(565, 42, "fusion, stage by stage", "head")
    yield _text(830, 42, "Mamba decoder", "head")
    note = "fused = ct + pet + DCIM(ct (1 + w_ct), pet (1 + w_pet)), the weights w in (0, 1) from the CRM"
    yield _text(WIDTH / 2, HEIGHT - 25, note, "small")


def _box(left: float, middle: float, width: float, kind: str, first: str, second: str) -> str:
    centre = left + width / 2
    lines = _text(centre, middle - 3, first, "head") + _text(centre, middle + 14, second, "small")
    return _rectangle(left, middle - HALF, width, 2 * HALF, kind) + lines


def _rectangle(left: float, top: float, width: float, height: float, kind: str, light: bool = False) -> str:
    fill, edge = COLOURS[kind]
    look = (
        f'fill="none" stroke="{edge}" stroke-dasharray="4 3"' if light else f'fill="{fill}" stroke="{edge}"'
    )
    return f'<rect x="{left}" y="{top}" width="{width}" height="{height}" rx="6" {look}/>'


def _text(x: float, y: float, words: str, kind: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="middle" class="{kind}">{escape(words)}</text>'


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    (x1, y1), (x2, y2) = start, end
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="#555" marker-end="url(#tip)"/>'


if __name__ == "__main__":
    OUT.write_text(figure(), encoding="utf-8")
