import json
from dataclasses import asdict

import pytest

import cipa
from cipa.errors import DataError
from cipa.models.checkpoints.folder import read_config
from cipa.models.config import CIPAConfig


@pytest.fixture
def folder(tmp_path, nano):
    nano.save_pretrained(tmp_path / "saved")
    return tmp_path / "saved"


@pytest.fixture
def config(tmp_path):
    """A folder with a configuration and no weights, which are read after it."""
    settings = asdict(CIPAConfig.of_variant("nano", image_size=128))
    (tmp_path / "config.json").write_text(json.dumps(settings))
    return tmp_path


def edit(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def refusal(path):
    with pytest.raises(DataError) as caught:
        cipa.load_model(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_missing_config_is_named(folder):
    (folder / "config.json").unlink()
    assert "config.json: no such file" in refusal(folder)


def test_missing_weights_are_named(folder):
    (folder / "model.safetensors").unlink()
    assert "model.safetensors: no such file" in refusal(folder)


def test_a_config_that_is_not_json_is_named(folder):
    (folder / "config.json").write_text("{")
    assert "config.json: not JSON" in refusal(folder)


@pytest.mark.parametrize("variant", ["vnet", 3, None])
def test_a_network_there_is_not_is_named(folder, variant):
    edit(folder, variant=variant)
    assert "config.json" in refusal(folder)


def test_an_unknown_field_is_named(folder):
    edit(folder, colour="red")
    assert "(colour)" in refusal(folder)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("image_size", 100),
        ("image_size", "big"),
        ("image_size", [1]),
        ("image_size", 128 * 10**6),
        ("image_size", 128.0),
        ("image_size", True),
        ("ct_window", [1]),
        ("ct_window", [1, "2"]),
        ("ct_window", [-1e300, 1e300]),
        ("depths", 3),
        ("depths", [None, 1, 2, 1]),
        ("depths", [10_000_000, 1, 1, 1]),
        ("depths", [1, 1, 2, 0]),
        ("dim", "x"),
        ("dim", 10**9),
        ("dim", -1),
        ("crm_width", -1),
        ("crm_width", None),
        ("crm", 1),
        ("suv_max", 10**400),
        ("suv_max", 1e300),
        ("smallest_ml", -0.1),
        ("num_classes", 10**8),
        ("inputs", ["ct"]),
        ("variant", "nano\n\x1b[31m"),
        ("inputs", "ct\n\x1b[31m\ud800"),
        ("pet_scaling", "\ud800"),
    ],
)
def test_a_wrong_value_is_a_data_error_of_the_file(config, field, value):
    edit(config, **{field: value})
    line = refusal(config)
    assert "config.json" in line
    assert line.isprintable()


@pytest.mark.parametrize("value", ["Infinity", "-Infinity", "NaN", "1e999"])
@pytest.mark.parametrize("field", ["suv_max", "smallest_ml", "threshold"])
def test_a_value_that_is_not_finite_is_refused(config, field, value):
    path = config / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: "HERE"}).replace('"HERE"', value))
    assert "config.json" in refusal(config)


def test_a_config_nested_without_end_is_one_line(config):
    (config / "config.json").write_text("[" * 60_000)
    assert "nested too deeply" in refusal(config)


def test_a_configuration_as_it_is_written_is_read(config):
    assert read_config(config / "config.json") == CIPAConfig.of_variant("nano", image_size=128)


def test_weights_of_another_configuration_are_listed(folder):
    edit(folder, dcim=False)
    assert "left over (dcim.0" in refusal(folder)


@pytest.mark.parametrize("share", [0.001, 0.5, 0.999])
def test_truncated_weights_are_named_as_such(folder, share):
    path = folder / "model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert "truncated or damaged" in refusal(folder)


def test_a_git_lfs_pointer_is_named_as_such(folder):
    (folder / "model.safetensors").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 7\n"
    )
    assert "Git-LFS pointer" in refusal(folder)
