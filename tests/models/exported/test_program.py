"""A `.pt2` file answers as the network does, and what is no such file is refused in one line."""

import json
import pickle
import subprocess
import sys
import zipfile

import pytest
import torch

import cipa
from cipa.errors import DataError, UsageError
from cipa.models.exported.archive import check_archive
from cipa.models.exported.files import export_model, load_exported
from cipa.models.exported.metadata import FORMAT, KEY


@pytest.fixture(scope="module")
def exported(program_file):
    return load_exported(program_file)


def pair(batch, side=128):
    generator = torch.Generator().manual_seed(batch)
    return tuple(torch.rand(batch, 1, side, side, generator=generator) * 3.2 - 1.6 for _ in range(2))


def rewritten(source, target, change):
    """Copy an archive; `change` gets (name without its folder, content) and returns the new content."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as new:
        for record in old.infolist():
            content = change(record.filename.partition("/")[2], old.read(record))
            if content is not None:
                new.writestr(record.filename, content)
    return target


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, 2, 5])
def test_a_program_answers_as_the_network_whatever_the_batch(exported, network, batch):
    with torch.inference_mode():
        torch.testing.assert_close(exported(*pair(batch)), network(*pair(batch)), rtol=0, atol=1e-5)


@pytest.mark.slow
def test_the_settings_travel_inside_the_file(exported, network):
    assert exported.config == network.config


@pytest.mark.slow
def test_bare_pytorch_reads_the_file_after_importing_cipa(program_file):
    code = (
        "import sys, cipa; assert 'torch' not in sys.modules\n"
        "import torch; program = torch.export.load(sys.argv[1]).module()\n"
        "print(tuple(program(torch.zeros(1, 1, 128, 128), torch.zeros(1, 1, 128, 128)).shape))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, program_file], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "(1, 1, 128, 128)"


@pytest.mark.slow
def test_a_program_holds_no_path_of_the_machine_it_was_made_on(program_file):
    folder = cipa.__file__.rpartition("/")[0].encode()
    with zipfile.ZipFile(program_file) as archive:
        assert not [name for name in archive.namelist() if folder in archive.read(name)]


@pytest.mark.slow
def test_a_predictor_takes_the_file_with_its_threshold_and_survives_pickling(program_file, network):
    predictor = pickle.loads(pickle.dumps(cipa.SlicePredictor(program_file, "cpu")))
    assert (predictor.threshold, predictor.smallest_ml, predictor.names) == (0.3, 0.2, ["network.pt2"])
    ct, pet = torch.randint(256, (2, 2, 128, 128), dtype=torch.uint8).numpy()
    expected = cipa.SlicePredictor(network, "cpu").predict_slices(ct, pet)
    torch.testing.assert_close(predictor.predict_slices(ct, pet), expected, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_images_of_another_size_are_refused(exported):
    with pytest.raises(
        DataError, match=r"images are 256 x 256: network.pt2 was exported for 128 x 128; resize"
    ):
        exported(*pair(1, side=256))


@pytest.mark.slow
def test_autocast_is_refused_as_a_program_computes_in_float32(exported):
    with torch.autocast("cpu", torch.bfloat16), pytest.raises(UsageError, match="leave --precision out"):
        exported(*pair(1))


@pytest.mark.slow
def test_weights_that_can_be_trained_are_asked_for_where_a_program_is_given(program_file):
    with pytest.raises(DataError, match="an exported network, which runs and cannot be trained"):
        cipa.load_model(program_file)


def test_a_network_of_another_family_is_refused(tmp_path):
    pytest.importorskip("monai")
    model = cipa.create_model("unet", image_size=128, width=4)
    with pytest.raises(
        UsageError, match="unet: a network of MONAI, which is not exported; CIPA and Sigma are"
    ):
        export_model(model, tmp_path / "unet.pt2")
    assert list(tmp_path.iterdir()) == []


def test_another_ending_is_refused(network, tmp_path):
    with pytest.raises(UsageError, match=r"x.pth: must end in .pt2 or .onnx"):
        export_model(network, tmp_path / "x.pth")


@pytest.mark.slow
def test_a_file_that_does_not_agree_is_not_kept(network, tmp_path, monkeypatch):
    from cipa.models.exported import program

    real = program.ProgramNetwork.run
    monkeypatch.setattr(program.ProgramNetwork, "run", lambda self, ct, pet: real(self, ct, pet) * 1.001)
    (tmp_path / "network.pt2").write_text("earlier")
    with pytest.raises(DataError, match=r"network.pt2: its logits differ by .* from the network's"):
        export_model(network, tmp_path / "network.pt2")
    assert [file.name for file in tmp_path.iterdir()] == ["network.pt2"]
    assert (tmp_path / "network.pt2").read_text() == "earlier"


@pytest.mark.slow
def test_a_truncated_file_is_refused(program_file, tmp_path):
    path = tmp_path / "cut.pt2"
    path.write_bytes(program_file.read_bytes()[:-100_000])
    with pytest.raises(DataError, match=r"cut.pt2: damaged or no .pt2 file; export it again"):
        load_exported(path)


@pytest.mark.slow
def test_a_changed_byte_is_refused(program_file, tmp_path):
    content = bytearray(program_file.read_bytes())
    content[len(content) // 2] ^= 1
    path = tmp_path / "bit.pt2"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"bit.pt2: not a .pt2 file, or one damaged \(.*checksum"):
        load_exported(path)


@pytest.mark.slow
def test_a_program_of_another_tool_is_refused(program_file, tmp_path):
    path = rewritten(
        program_file, tmp_path / "other.pt2", lambda name, x: None if name == f"extra/{KEY}" else x
    )
    with pytest.raises(DataError, match=r"other.pt2: holds no cipa.json, so cipa did not export it"):
        load_exported(path)


@pytest.mark.slow
def test_a_file_of_a_later_format_is_refused(program_file, tmp_path):
    def later(name, content):
        if name != f"extra/{KEY}":
            return content
        return json.dumps(json.loads(content) | {"format": FORMAT + 1}).encode()

    path = rewritten(program_file, tmp_path / "later.pt2", later)
    with pytest.raises(DataError, match=r"its cipa.json has format 2, not 1"):
        load_exported(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"torch.ops.aten.sigmoid.default", b"torch.os.system"),
        (b"torch.ops.aten.sigmoid.default", b"torch.ops.profiler._record_function_exit._RecordFunction"),
        (b"Mul(Integer(2)", b"exec(Integer(2)"),
        (b'"use_pickle": false', b'"use_pickle": true'),
    ],
)
def test_a_program_that_could_run_code_is_refused_unread(program_file, tmp_path, old, new):
    path = rewritten(program_file, tmp_path / "evil.pt2", lambda _name, content: content.replace(old, new))
    with pytest.raises(DataError, match=r"evil.pt2: holds .*, which could run code when loaded: not read"):
        check_archive(path)


def test_a_zip_that_is_no_program_is_refused(tmp_path):
    path = tmp_path / "plain.pt2"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(DataError, match=r"plain.pt2: holds no program"):
        load_exported(path)
