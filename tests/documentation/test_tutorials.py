"""The tutorials run from top to bottom, and become pages."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from documentation.tutorials import tutorial_page, tutorial_pages

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "tutorials"
SCRIPTS = sorted(FOLDER.glob("*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_tutorial_runs_from_top_to_bottom(script, tmp_path):
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, str(script), str(tmp_path / "out")]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_there_are_tutorials_for_training_networks_and_ops():
    assert set(tutorial_pages(FOLDER)) == {"three_patients.md", "add_a_network.md", "use_ss2d.md"}


def test_a_page_has_the_text_of_its_comments_and_the_code_in_fences(tmp_path):
    script = tmp_path / "one.py"
    script.write_text(
        "# %% [markdown]\n# # Title\n#\n# Text.\n\n# %%\nx = 1  # why\n\n\n# %% [markdown]\n# End.\n"
    )
    page = tutorial_page(script)
    assert page.startswith("# Title\n\nText.\n\n```python\nx = 1  # why\n```\n\nEnd.\n")
