"""exp2, softplus and sigmoid on sixteen lanes.

The coefficients are minimax fits of relative error made for this project (iteratively reweighted least
squares on 4,001 Chebyshev points); tests/ops/scan/cpu/test_functions.py holds the errors measured against
float64.
"""

from typing import Any

import numpy as np
from numba import njit

from cipa.ops.scan.cpu.simd import fma, maximum, splat, times_power_of_two

LOG2E = np.float32(1.4426950408889634)

_ROUND = np.float32(12582912.0)  # 1.5 * 2**23: adding it rounds to an integer, kept in the low mantissa bits
_SMALLEST = np.float32(-126.0)  # 2**-126 is the smallest normal float32

# 2**f on [-1/2, 1/2], degree 5: 9.1e-8 before rounding, under the rounding of the result itself
_E1, _E2 = np.float32(0.6931469775976783), np.float32(0.240222420831118)
_E3, _E4 = np.float32(0.05550733744471335), np.float32(0.00967151278577686)
_E5 = np.float32(0.0013264727252583531)

# atanh(s) / s in z = s**2 on [0, 1/9], degree 4: 4.5e-9
_L1, _L2 = np.float32(0.3333320814241785), np.float32(0.2001076364663606)
_L3, _L4 = np.float32(0.14000902146428243), np.float32(0.14005996032160023)

_ONE, _TWO, _ZERO = np.float32(1), np.float32(2), np.float32(0)


@njit(inline="always")
def exp2(x) -> Any:
    """2**x for x up to 127; x below -126 counts as -126 (1.2e-38). Relative error below 2e-7."""
    x = maximum(splat(_SMALLEST), x)
    shifted = x + _ROUND
    f = x - (shifted - _ROUND)
    p = fma(f, splat(_E5), splat(_E4))
    p = fma(p, f, splat(_E3))
    p = fma(p, f, splat(_E2))
    p = fma(p, f, splat(_E1))
    p = fma(p, f, splat(_ONE))
    return times_power_of_two(p, shifted)


@njit(inline="always")
def softplus(x) -> Any:
    """log(1 + exp(x)) for every x, relative error below 4e-7.

    max(x, 0) + log1p(e) with e = exp(-|x|), and log1p(e) = 2 atanh(e / (2 + e)), which keeps its relative
    accuracy where e is small: steps of 1e-3 and less are the rule.
    """
    e = exp2((_ZERO - maximum(x, _ZERO - x)) * LOG2E)
    s = e / (e + _TWO)
    z = s * s
    p = fma(z, splat(_L4), splat(_L3))
    p = fma(p, z, splat(_L2))
    p = fma(p, z, splat(_L1))
    p = fma(p, z, splat(_ONE))
    return maximum(x, splat(_ZERO)) + _TWO * s * p


@njit(inline="always")
def sigmoid(x) -> Any:
    """1 / (1 + exp(-x)), the derivative of `softplus`, relative error below 4e-7 for x > -87."""
    e = exp2(_ZERO - maximum(x * LOG2E, splat(_SMALLEST)))
    return _ONE / (e + _ONE)
