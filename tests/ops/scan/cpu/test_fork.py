import os
import subprocess
import sys

import pytest

CODE = """
import os, torch
torch.set_num_threads(2)
from cipa import create_model
network = create_model("nano", image_size=128).eval()
images = torch.rand(2, 1, 128, 128)
with torch.inference_mode():
    before = network(images, images)
    child = os.fork()
    if child == 0:
        assert torch.allclose(network(images, images), before, atol=1e-5)
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.slow
def test_a_process_forked_after_a_prediction_predicts_too():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
