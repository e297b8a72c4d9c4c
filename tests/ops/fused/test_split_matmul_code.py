"""What Triton makes of the product for a Hopper GPU, compiled without one."""

import re

import pytest

triton = pytest.importorskip("triton")
product = pytest.importorskip("cipa.ops.fused.split_matmul_triton")

POINTERS = {"x": "*fp32", "high": "*fp16", "low": "*fp16", "bias": "*fp32", "out": "*fp32"}
NUMBERS = ("rows", "columns", "height", "width", "out_height", "out_width")


def hopper_code(channels, taps, tile):
    """Return the PTX of the kernel for compute capability 9.0."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    fixed = {"K": channels, "TAPS": taps, "STRIDE": 1, "BIAS": True, "BM": tile.rows, "BN": tile.columns}
    fixed["BK"] = product.DEPTH
    types = {
        **POINTERS,
        "scale": "fp32",
        **dict.fromkeys(NUMBERS, "i32"),
        **dict.fromkeys(fixed, "constexpr"),
    }
    names = list(types)
    aligned = {(names.index(name),): [["tt.divisibility", 16]] for name in (*POINTERS, "columns")}
    source = ASTSource(product.product, types, fixed, aligned)
    options = {"num_warps": tile.warps, "num_stages": product.STAGES}
    return triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options).asm["ptx"]


@pytest.mark.skipif(triton.knobs.runtime.interpret, reason="the interpreter compiles nothing")
@pytest.mark.parametrize("tile", product.TILES)
@pytest.mark.parametrize(("channels", "taps"), [(192, 1), (24, 9)])
def test_no_product_is_under_way_when_a_step_writes_over_its_registers(channels, taps, tile):
    # Where the loop ended with products under way, a pass on a busy GPU was once not finite.
    code = hopper_code(channels, taps, product.Tile(*tile))
    label = re.search(r"^(\$L\w+):[^\n]*Inner Loop", code, re.M).group(1)
    loop = code.split(f"{label}:")[1].split(f"bra \t{label}")[0]
    assert "wgmma.mma_async" in loop
    after = loop.rpartition("wgmma.mma_async")[2]
    assert re.search(r"wgmma\.wait_group\.sync\.aligned\s+0;", after)
