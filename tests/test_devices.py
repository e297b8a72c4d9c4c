import pytest
import torch

from cipa.devices import choose_device
from cipa.errors import UsageError


def test_automatic_choice_is_the_gpu_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == torch.device("cpu")


def test_named_device_is_taken():
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cuda:99", "CUDA GPUs here; choose auto or cpu"),
        ("tpu9", "unknown device"),
        ("meta", "not supported"),
    ],
)
def test_device_that_is_not_there_is_refused(name, words):
    with pytest.raises(UsageError, match=words):
        choose_device(name)
