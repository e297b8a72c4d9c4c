import subprocess
import sys

import cipa


def test_every_public_name_is_listed_and_can_be_imported():
    assert set(cipa.__all__) <= set(dir(cipa))
    assert all(getattr(cipa, name) is not None for name in cipa.__all__)


def test_listing_the_names_imports_nothing_heavy():
    code = "import sys, cipa; dir(cipa); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def loaded_of(code, *modules):
    """Return which of the modules a fresh process has loaded after some code."""
    code += f"\nimport sys; print('loaded', *(set({modules!r}) & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()[1:]


def test_networks_and_slices_need_no_medical_file_format():
    names = "CIPA CIPAConfig SlicePredictor create_model load_model"
    code = f"import cipa\nfor name in {names.split()!r}: getattr(cipa, name)"
    assert loaded_of(code, "pydicom", "highdicom", "imagecodecs", "nibabel", "matplotlib", "accelerate") == []


def test_loading_weights_does_not_load_pytorchs_compiler():
    assert (
        loaded_of("import cipa; cipa.Predictor(device='cpu')", "torch._dynamo", "sympy", "scipy.signal") == []
    )


def test_help_loads_nothing_heavy():
    code = "from cipa.cli.main import main\ntry: main(['--help'])\nexcept SystemExit: pass"
    assert loaded_of(code, "torch", "numpy", "pydicom", "scipy", "nibabel", "rich") == []
