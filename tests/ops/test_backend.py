import importlib.util

import pytest
import torch

from cipa.errors import UsageError
from cipa.ops import backend, ss2d, use_backend
from cipa.ops.backend import backend_for, require_fit
from op_inputs import ss2d_inputs


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """No answer remembered from before, no choice from the environment."""
    monkeypatch.delenv("CIPA_BACKEND", raising=False)
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr(backend, "_warned", set())
    for remembered in (backend._triton_installed, backend._gpu_obstacle):
        remembered.cache_clear()
    yield
    for remembered in (backend._triton_installed, backend._gpu_obstacle):
        remembered.cache_clear()


@pytest.fixture
def gpu(monkeypatch):
    """A function (capability): the tensors of `OnGPU` lie on such a GPU, and Triton is installed."""

    def pretend(capability):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Some GPU")
        monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())

    return pretend


class OnGPU:
    """What `backend_for` looks at, of a tensor that no GPU is there to hold."""

    def __init__(self, dtype=torch.float32):
        self.device = torch.device("cuda", 0)
        self.dtype = dtype


def test_a_cpu_tensor_takes_the_cpu_kernel_and_float64_the_loop():
    assert backend_for(torch.zeros(1)) == "cpu"
    assert backend_for(torch.zeros(1, dtype=torch.bfloat16)) == "cpu"
    assert backend_for(torch.zeros(1, dtype=torch.float64)) == "reference"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_gpu_tensor_takes_the_triton_kernel(gpu, dtype):
    gpu((9, 0))
    assert backend_for(OnGPU(dtype)) == "triton"


def test_float64_on_a_gpu_takes_the_loop_without_a_word(gpu, recwarn):
    gpu((9, 0))
    assert backend_for(OnGPU(torch.float64)) == "reference"
    assert not recwarn


def test_the_environment_chooses_and_a_block_overrides_it(monkeypatch):
    x = torch.zeros(1)
    monkeypatch.setenv("CIPA_BACKEND", "reference")
    assert backend_for(x) == "reference"
    with use_backend("cpu"):
        assert backend_for(x) == "cpu"
    assert backend_for(x) == "reference"
    monkeypatch.setenv("CIPA_BACKEND", "")
    assert backend_for(x) == "cpu"


def test_a_block_left_by_an_error_leaves_no_choice_behind():
    with pytest.raises(KeyError), use_backend("reference"):
        raise KeyError
    assert backend_for(torch.zeros(1)) == "cpu"


def test_an_unknown_form_is_named_with_those_there_are(monkeypatch):
    monkeypatch.setenv("CIPA_BACKEND", "fast")
    with pytest.raises(UsageError, match=r"CIPA_BACKEND=fast.*auto, reference, cpu, triton"):
        backend_for(torch.zeros(1))
    with pytest.raises(UsageError, match="fast"), use_backend("fast"):
        pass


def test_the_forced_triton_kernel_on_a_cpu_tensor_is_an_error(gpu):
    gpu((9, 0))
    with use_backend("triton"), pytest.raises(UsageError, match=r"CIPA_BACKEND=triton.*not on cpu.*unset it"):
        ss2d(*ss2d_inputs())


def test_tritons_interpreter_takes_cpu_tensors_when_forced(gpu, monkeypatch):
    gpu((9, 0))
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    with use_backend("triton"):
        assert backend_for(torch.zeros(1)) == "triton"
    assert backend_for(torch.zeros(1)) == "cpu"


def test_the_forced_cpu_kernel_on_a_gpu_tensor_is_an_error(gpu):
    gpu((9, 0))
    with use_backend("cpu"), pytest.raises(UsageError, match=r"CIPA_BACKEND=cpu.*cuda:0.*move the tensor"):
        backend_for(OnGPU())


@pytest.mark.parametrize("form", ["cpu", "triton"])
def test_a_forced_kernel_says_which_type_it_cannot_take(form):
    with use_backend(form), pytest.raises(UsageError, match="float64"):
        ss2d(*ss2d_inputs(dtype=torch.float64))


def test_an_old_gpu_falls_back_and_says_so_once(gpu, recwarn):
    gpu((7, 5))
    assert [backend_for(OnGPU()) for _ in range(3)] == ["reference"] * 3
    assert [str(warning.message) for warning in recwarn] == [
        "Some GPU has compute capability 7.5, Triton needs 8.0: the reference loop runs, right but slow"
    ]
    with use_backend("triton"), pytest.raises(UsageError, match=r"compute capability 7\.5"):
        backend_for(OnGPU())


def test_without_triton_a_gpu_falls_back_and_says_so(gpu, monkeypatch):
    gpu((9, 0))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.warns(UserWarning, match="Triton is not installed"):
        assert backend_for(OnGPU()) == "reference"
    with use_backend("triton"), pytest.raises(UsageError, match="Triton is not installed"):
        backend_for(OnGPU())


def test_tensors_on_two_devices_are_named():
    x, projection, *rest = ss2d_inputs()
    with pytest.raises(ValueError, match="projection is on meta, x on cpu"):
        ss2d(x, projection.to("meta"), *rest)


@pytest.mark.gpu
def test_on_a_real_gpu_the_forms_are_chosen_and_refused():
    x, *rest = (tensor.cuda() for tensor in ss2d_inputs())
    assert backend_for(x) == "triton"
    assert backend_for(x.double()) == "reference"
    with use_backend("cpu"), pytest.raises(UsageError, match="cuda"):
        ss2d(x, *rest)
    with use_backend("triton"), pytest.raises(UsageError, match="not on cpu"):
        ss2d(*ss2d_inputs())
    with pytest.raises(ValueError, match="projection is on cpu, x on cuda"):
        ss2d(x, rest[0].cpu(), *rest[1:])


def test_a_tensor_of_another_shape_or_device_is_named():
    x, weight = torch.zeros(2, 3, 4), torch.zeros(5)
    with pytest.raises(ValueError, match=r"add_norm: weight is \(5,\), must be \(4,\)"):
        require_fit("add_norm", x, {"weight": (weight, (4,)), "skip": (None, (4,))})
    with pytest.raises(ValueError, match="bias is on meta, the input on cpu: move one"):
        require_fit("add_norm", x, {"bias": (torch.zeros(4, device="meta"), (4,))})
