"""A comparison of runs as one HTML file that needs nothing beside it: no script, no picture, no network."""

from collections.abc import Sequence
from html import escape

from cipa.evaluation.comparison import Comparison
from cipa.report.comparison_plots import box_plots, patient_plots
from cipa.report.comparison_text import COLUMNS, cells, notes, title

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; color: #222 }}
body {{ max-width: 1120px; margin: 2rem auto; padding: 0 1rem }}
h1 {{ font-size: 1.5rem }}
h2 {{ font-size: 1.15rem; margin-top: 2.2rem }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.9rem }}
th, td {{ text-align: right; padding: 0.15rem 0.7rem; white-space: nowrap }}
th:nth-child(-n+2), td:nth-child(-n+2) {{ text-align: left }}
th {{ border-bottom: 2px solid #222 }}
tr.first td {{ border-top: 1px solid #ccc }}
.wide {{ overflow-x: auto }}
svg {{ max-width: 100%; height: auto }}
ul, p.note {{ color: #555; font-size: 0.9rem }}
</style>
</head>
<body>
<h1>{title}</h1>
<div class="wide"><table>
<thead><tr>{heads}</tr></thead>
<tbody>
{rows}
</tbody>
</table></div>
<ul>
{notes}
</ul>
<h2>Every run over its patients</h2>
<p class="note">A dot is a patient. Boxes are quartiles with the median; whiskers reach 1.5 times the box.</p>
<div class="wide">{boxes}</div>
<h2>Every patient, against {first}</h2>
<p class="note">A dot is a patient; on the dotted line both runs agree. Those that differ most are named.</p>
<div class="wide">{patients}</div>
<p class="note">Research software, not a medical device.</p>
</body>
</html>
"""


def comparison_html(comparison: Comparison) -> str:
    """Return the table with its notes, box plots, and the patients' scores against the first run, as HTML."""
    return PAGE.format(
        title=escape(title(comparison)),
        heads="".join(f"<th>{escape(name)}</th>" for name in COLUMNS),
        rows="\n".join(_row(cells(comparison, entry)) for entry in comparison.entries),
        notes="\n".join(f"<li>{escape(line)}</li>" for line in notes(comparison)),
        boxes=box_plots(comparison),
        first=escape(comparison.runs[0]),
        patients=patient_plots(comparison),
    )


def _row(texts: Sequence[str]) -> str:
    kind = ' class="first"' if texts[0] else ""
    return f"<tr{kind}>" + "".join(f"<td>{escape(text)}</td>" for text in texts) + "</tr>"
