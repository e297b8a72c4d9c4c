"""The PTX of the sums over lanes, carried out instruction by instruction for 32 lanes."""

import re

import numpy as np
import pytest

pytest.importorskip("triton", reason="Triton is not installed")


def carry_out(text, inputs):
    """Run straight-line PTX for all lanes at once; inputs (count, 32) are its second half of operands."""
    lanes = np.arange(32)
    registers = {f"${len(inputs) + i}": value for i, value in enumerate(inputs)} | {"%laneid": lanes}
    for line in text.strip("{} ").split(";"):
        words = [word for word in re.split(r"[\s,]+", line.strip()) if word]
        if not words or words[0] == ".reg":
            continue
        name, target, *operands = words
        values = [registers[word] if word in registers else int(word, 0) for word in operands]
        if name.startswith("mov"):
            registers[target] = values[0]
        elif name == "and.b32":
            registers[target] = values[0] & values[1]
        elif name == "setp.ne.u32":
            registers[target] = values[0] != values[1]
        elif name == "selp.f32":
            registers[target] = np.where(values[2], values[0], values[1])
        elif name == "add.f32":
            registers[target] = values[0] + values[1]
        elif name == "shfl.sync.bfly.b32":
            registers[target] = values[0][lanes ^ values[1]]
        else:
            raise AssertionError(f"unknown instruction {line}")
    return registers["$0"]


@pytest.mark.parametrize("count", [1, 2, 4, 8, 16])
def test_each_lane_keeps_the_sum_that_is_said(count):
    from cipa.ops.scan.triton.warp_sums import _instructions

    values = np.random.default_rng(0).integers(-9, 9, (count, 32)).astype(float)
    found = carry_out(_instructions(count), values)
    lanes, bits = np.arange(32), count.bit_length() - 1
    kept = sum(((lanes >> bit) & 1) << (bits - 1 - bit) for bit in range(bits)) * np.ones(32, int)
    np.testing.assert_array_equal(found, values.sum(1)[kept])
