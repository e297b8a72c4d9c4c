import subprocess
import sys

import cipa


def test_every_public_name_is_listed_and_can_be_imported():
    assert set(cipa.__all__) <= set(dir(cipa))
    assert all(getattr(cipa, name) is not None for name in cipa.__all__)


def test_listing_the_names_imports_nothing_heavy():
    code = "import sys, cipa; dir(cipa); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
