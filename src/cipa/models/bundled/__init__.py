"""Weights that come with the package, so that a study can be segmented before anyone has trained anything.

They were trained on computer-drawn phantoms and on sarcoma patients, on no lung tumour of a person:
`nano/MODEL_CARD.md` says how and how well. A floor to start from, no more.
"""

from pathlib import Path

from cipa.errors import DataError

CARD_NAME = "MODEL_CARD.md"


def bundled_weights() -> Path:
    """Return the folder of the weights that come with the package, as `cipa.load_model` takes it.

    It holds config.json, model.safetensors (float16, computed with in float32) and MODEL_CARD.md.

    Raises:
        DataError: it was installed without them.
    """
    folder = Path(__file__).parent / "nano"
    if not (folder / "model.safetensors").is_file():
        raise DataError(
            f"{folder}: the weights of the package are not there; install it again (pip install "
            "--force-reinstall cipa), or give others with --weights"
        )
    return folder
