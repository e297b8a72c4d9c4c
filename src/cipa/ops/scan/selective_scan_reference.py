"""The selective scan by its definition: a loop over positions, in any floating type, differentiable."""

import torch
import torch.nn.functional as F
from torch import Tensor


def selective_scan_reference(
    u: Tensor, dt: Tensor, A_logs: Tensor, B: Tensor, C: Tensor, D: Tensor, dt_bias: Tensor
) -> Tensor:
    """Run the S6 recurrence (Mamba, arXiv 2312.00752, eq. 2 with the Euler step for B).

    delta = softplus(dt + dt_bias); A = -exp(A_logs); h_l = exp(delta_l A) h_{l-1} + delta_l B_l u_l;
    y_l = <C_l, h_l> + D u_l; h_0 = 0. State and exponential are float32 for narrower inputs.

    Args:
        u: sequence, (batch, L, channels).
        dt: step before bias and softplus, (batch, L, channels).
        A_logs: log of -A, (channels, N).
        B: input weights of each position, (batch, L, N).
        C: output weights of each position, (batch, L, N).
        D: skip weight, (channels,).
        dt_bias: (channels,).

    Returns:
        y, (batch, L, channels), in u's type.
    """
    wide = torch.promote_types(u.dtype, torch.float32)
    delta = F.softplus(dt.to(wide) + dt_bias.to(wide))
    a = -torch.exp(A_logs.to(wide))
    state = u.new_zeros(u.shape[0], u.shape[2], A_logs.shape[1], dtype=wide)
    outputs = []
    for u_l, delta_l, b_l, c_l in zip(
        u.to(wide).unbind(1), delta.unbind(1), B.to(wide).unbind(1), C.to(wide).unbind(1), strict=True
    ):
        decay = torch.exp(delta_l[..., None] * a)
        state = decay * state + (delta_l * u_l)[..., None] * b_l[:, None, :]
        outputs.append((state * c_l[:, None, :]).sum(-1) + D.to(wide) * u_l)
    return torch.stack(outputs, dim=1).to(u.dtype)
