"""Whole networks in both formats: written by `cipa export`, read by `cipa predict` and `cipa evaluate`."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import cipa
from cipa.cli.main import main
from cipa.errors import CipaError, DataError, UsageError
from cipa.models.exported.files import export_model, load_exported

DEVICE = ["--device", "cpu"]


def pair(batch, side, slices=1):
    generator = torch.Generator().manual_seed(batch)
    return tuple(torch.rand(batch, slices, side, side, generator=generator) * 3.2 - 1.6 for _ in range(2))


def one_line(capsys, words):
    """Return what a command that fails says."""
    assert main(words) in (1, 2)
    text = capsys.readouterr().err.strip()
    assert len(text.splitlines()) == 1
    return text


@pytest.fixture
def slices(tmp_path):
    draw = np.random.default_rng(0)
    for kind in ("CT", "PET"):
        Image.fromarray(draw.integers(0, 256, (128, 128), dtype=np.uint8)).save(tmp_path / f"{kind}.png")
    return ["--ct", str(tmp_path / "CT.png"), "--pet", str(tmp_path / "PET.png")]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A network of untrained weights as a folder, smaller than nano, whole."""
    from cipa.models.cipa import CIPA
    from cipa.models.config import CIPAConfig

    torch.manual_seed(3)
    config = CIPAConfig.of_variant(
        "nano", image_size=128, dim=4, depths=(1, 1, 1, 1), crm_width=4, threshold=0.3
    )
    folder = tmp_path_factory.mktemp("weights") / "small"
    CIPA(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def files(weights, tmp_path_factory):
    """Those weights in both formats, by ending."""
    folder = tmp_path_factory.mktemp("files")
    found = {}
    for suffix in (".pt2", ".onnx"):
        found[suffix] = folder / f"small{suffix}"
        assert main(["export", str(weights), "-o", str(found[suffix])]) == 0
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "tolerance"), [(".pt2", 1e-5), (".onnx", 1e-3)])
def test_a_whole_network_answers_the_same_from_either_file(weights, files, suffix, tolerance):
    network, exported = cipa.load_model(weights), load_exported(files[suffix])
    assert exported.config == network.config
    for batch in (1, 4):
        with torch.inference_mode():
            expected = network(*pair(batch, 128))
            torch.testing.assert_close(exported(*pair(batch, 128)), expected, rtol=0, atol=tolerance)


@pytest.mark.slow
def test_an_onnx_file_has_standard_operators_alone_and_no_path_of_this_machine(files):
    import onnx

    model = onnx.load(files[".onnx"])
    onnx.checker.check_model(model, full_check=True)
    assert {node.domain for node in model.graph.node} == {""}
    assert [one.domain for one in model.opset_import] == [""]
    assert not model.functions
    assert str(Path(cipa.__file__).parent).encode() not in files[".onnx"].read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".pt2", ".onnx"])
def test_predict_takes_either_file_and_draws_the_mask_of_the_weights(
    weights, files, slices, suffix, tmp_path
):
    for name, given in {"weights": weights, "file": files[suffix]}.items():
        words = ["predict", *slices, "-o", str(tmp_path / f"{name}.png"), "--weights", str(given), *DEVICE]
        assert main(words) == 0
    one, two = (np.asarray(Image.open(tmp_path / f"{name}.png")) for name in ("weights", "file"))
    assert (one == two).all()


@pytest.mark.slow
def test_evaluate_scores_an_onnx_file(files, slices, tmp_path):
    root = tmp_path / "data" / "0001"
    root.mkdir(parents=True)
    for kind in ("CT", "PET"):
        (tmp_path / f"{kind}.png").rename(root / f"0001_1_{kind}.png")
    mask = np.zeros((128, 128), np.uint8)
    mask[40:60, 50:70] = 255
    Image.fromarray(mask).save(root / "0001_1_mask.png")
    (root.parent / "test.txt").write_text("0001_1\n")
    words = [
        "evaluate",
        str(root.parent),
        "--weights",
        str(files[".onnx"]),
        "-o",
        str(tmp_path / "out"),
        *DEVICE,
    ]
    assert main(words) == 0
    assert json.loads((tmp_path / "out" / "summary.json").read_text())


@pytest.mark.slow
def test_an_onnx_file_whose_size_is_not_what_its_metadata_says_is_refused(files, tmp_path):
    import onnx

    model = onnx.load(files[".onnx"])
    entry = model.metadata_props[0]
    entry.value = entry.value.replace('"image_size": 128', '"image_size": 256')
    path = tmp_path / "changed.onnx"
    onnx.save(model, path)
    with pytest.raises(
        DataError, match=r"changed.onnx: takes .*128.* where its cipa.json says 1 x 256 x 256"
    ):
        load_exported(path)


@pytest.mark.slow
def test_an_onnx_file_runs_on_the_cpu_alone(files):
    with pytest.raises(UsageError, match=r"device cuda:0: small.onnx is ONNX, which runs on the CPU"):
        load_exported(files[".onnx"]).to("cuda:0")


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["tiny", "sigma-nano"])
def test_published_sizes_agree_in_onnx(variant, tmp_path):
    torch.manual_seed(0)
    network = cipa.create_model(variant, image_size=128)
    assert export_model(network, tmp_path / "network.onnx") < 1e-4


def test_an_existing_file_is_not_replaced_unasked(tmp_path, capsys):
    (tmp_path / "model.pt2").write_text("earlier")
    line = one_line(capsys, ["export", "bundled", "-o", str(tmp_path / "model.pt2")])
    assert "model.pt2: exists; name another file, or replace it with --overwrite" in line


def test_another_ending_is_refused_before_anything_is_read(tmp_path, capsys):
    line = one_line(capsys, ["export", str(tmp_path / "absent"), "-o", str(tmp_path / "model.pth")])
    assert "model.pth: must end in .pt2 or .onnx" in line


@pytest.mark.parametrize("name", ["onnx", "onnxscript", "onnxruntime"])
def test_an_absent_library_is_named_with_the_extra_that_brings_it(name, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError, match=rf"{name} is not installed, .*pip install 'cipa\[onnx\]'"):
        export_model(cipa.create_model("nano", image_size=128), tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"not ONNX", b"\x08\x07" + bytes(100)])
def test_what_is_no_onnx_file_is_refused_in_one_line(content, tmp_path, slices, capsys):
    pytest.importorskip("onnxruntime")
    path = tmp_path / "damaged.onnx"
    path.write_bytes(content)
    words = ["predict", *slices, "-o", str(tmp_path / "mask.png"), "--weights", str(path), *DEVICE]
    assert "damaged.onnx" in one_line(capsys, words)
    assert not (tmp_path / "mask.png").exists()


def test_an_onnx_file_of_another_tool_is_refused(tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    out = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "graph", [value], [out])
    opsets = [onnx.helper.make_opsetid("", 18)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10), tmp_path / "other.onnx")
    with pytest.raises(DataError, match=r"other.onnx: holds no cipa.json, so cipa did not export it"):
        load_exported(tmp_path / "other.onnx")


@pytest.mark.parametrize("name", ["absent.pt2", "absent.onnx"])
def test_an_absent_file_is_refused(name, tmp_path):
    with pytest.raises(CipaError, match=rf"{name}: no such file"):
        load_exported(tmp_path / name)
