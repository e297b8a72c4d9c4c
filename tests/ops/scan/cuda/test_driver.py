import ctypes
import struct

import pytest

from cipa.ops.scan.cuda.driver import Kernel, pack
from cipa.ops.scan.cuda.errors import CudaUnavailable


def number(library, name):
    return ctypes.c_int.in_dll(library, name)


def load():
    return Kernel(b"\x7fELF\0cubin", "scan_forward", 1, 160, 50_000)


def test_arguments_reach_the_kernel_as_c_lays_them_out(fake_driver):
    load().launch(7, 0xABC0, pack((1 << 40, 0, 3), (-1, 2)))
    assert list((ctypes.c_uint * 8).in_dll(fake_driver, "launched")) == [7, 1, 1, 160, 1, 1, 50_000, 1]
    size = ctypes.c_size_t.in_dll(fake_driver, "argument_bytes").value
    assert size == 32
    held = bytes((ctypes.c_char * 4096).in_dll(fake_driver, "arguments").raw[:size])
    assert struct.unpack("=3Q2i", held) == (1 << 40, 0, 3, -1, 2)
    assert ctypes.c_void_p.in_dll(fake_driver, "stream_seen").value == 0xABC0


def test_a_kernel_is_started_in_its_devices_context_which_is_left_again(fake_driver):
    kernel = load()
    kernel.launch(1, 0, b"")
    assert ctypes.c_void_p.in_dll(fake_driver, "context_at_launch").value == 0x7F0000000000 + 101
    assert number(fake_driver, "depth").value == 0


def test_loading_asks_for_the_shared_memory_and_may_happen_during_a_capture(fake_driver):
    load()
    assert (ctypes.c_int * 16).in_dll(fake_driver, "attributes")[8] == 50_000
    assert number(fake_driver, "relaxed_at_load").value == 1
    assert number(fake_driver, "capture_mode").value == 0


def test_a_cubin_that_the_driver_does_not_take_is_named_with_its_reason(fake_driver):
    number(fake_driver, "load_fails").value = 209
    with pytest.raises(CudaUnavailable, match=r"loading scan_forward: no kernel image is available \(209\)"):
        load()
    assert number(fake_driver, "depth").value == 0


def test_a_refused_launch_is_an_error(fake_driver):
    number(fake_driver, "launch_fails").value = 1
    with pytest.raises(RuntimeError, match=r"launch of 7 blocks failed: invalid argument \(1\)"):
        load().launch(7, 0, b"")


def test_blocks_per_unit_pass_threads_and_bytes(fake_driver):
    assert load().blocks_per_unit() == 160 + 50_000


def test_a_size_beyond_32_bits_is_refused_before_the_launch():
    with pytest.raises(ValueError, match="32 bits"):
        pack((), (1 << 31,))
