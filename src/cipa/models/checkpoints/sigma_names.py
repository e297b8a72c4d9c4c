"""Sigma's published tensor names and ours, where they are not CIPA's too."""

_CROSS, _CONCAT = "backbone.cross_mamba.#.op", "backbone.channel_attn_mamba.#.op"
_MODALITIES = (("1", "ct"), ("2", "pet"))

SIGMA_MODULES = (
    (f"{_CROSS}.in_proj", "cross.#.ct_in_proj"),
    (f"{_CROSS}.in_proj_modalx", "cross.#.pet_in_proj"),
    (f"{_CROSS}.conv2d", "cross.#.depthwise"),
    (f"{_CROSS}.out_proj_rgb", "cross.#.ct_out_proj"),
    (f"{_CROSS}.out_proj_e", "cross.#.pet_out_proj"),
    *((f"{_CROSS}.CMA_ssm.out_norm_{number}", f"cross.#.{name}_norm") for number, name in _MODALITIES),
    *(
        (f"{_CROSS}.CMA_ssm.{published.replace('?', number)}", f"cross.#.{name}_scan.{ours}")
        for number, name in _MODALITIES
        for published, ours in (
            ("x_proj_?.weight", "x_proj"),
            ("dt_proj_?.weight", "dt_weight"),
            ("dt_proj_?.bias", "dt_bias"),
            ("A_log_?", "A_logs"),
            ("D_?", "Ds"),
        )
    ),
    (f"{_CONCAT}.in_proj", "concat.#.ct_in_proj"),
    (f"{_CONCAT}.in_proj_modalx", "concat.#.pet_in_proj"),
    (f"{_CONCAT}.conv2d", "concat.#.ct_depthwise"),
    (f"{_CONCAT}.conv2d_modalx", "concat.#.pet_depthwise"),
    *((f"{_CONCAT}.out_norm{number}", f"concat.#.{name}_norm") for number, name in _MODALITIES),
    *((f"{_CONCAT}.fc{number}.0", f"concat.#.{name}_gate.down") for number, name in _MODALITIES),
    *((f"{_CONCAT}.fc{number}.2", f"concat.#.{name}_gate.up") for number, name in _MODALITIES),
    (_CONCAT, "concat.#"),
)
"""(published, ours) paths, read as `names.MODULES` is; a path that is a whole name has nothing below it."""
