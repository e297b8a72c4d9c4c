"""Queues of jobs by name: cross-validated networks, and the weights that come with the package."""

from typing import Any

Job = dict[str, Any]

FOLDS = 5

SMALL = {"settings": {"slices": 3}, "size": 128, "pixel": 500 / 256, "batch": 32, "ema": 150}
"""250 mm at 1.95 mm, with neighbouring slices: what a limb takes, and what a GPU minute is enough for."""

COOLED = {
    "suv_max": 10.0,
    "ema": 200,
    "variation": {"dropout": 0.3, "pet_share": 0.7, "cold": 0.2, "pet_gain": 0.3},
}
"""Tumours that CT alone shows, and PET left out more often than CT."""

NETWORKS: dict[str, Job] = {
    "tiny": {"lr": 7e-4, "seconds": 120},
    "tiny-neither": {"lr": 7e-4, "seconds": 120},
    "dynunet": {"lr": 1e-3, "seconds": 100},
    "tiny-cooled": {"model": "tiny", "lr": 7e-4, "seconds": 350, **COOLED},
    "dynunet-cooled": {"model": "dynunet", "lr": 1e-3, "seconds": 0, "steps": 2500, **COOLED},
}
"""Learning rate and seconds of training; DynUNet takes three times the steps in its time."""

PACKAGED: Job = {
    "name": "packaged",
    "needs": "phantoms/.done",
    "keep": ["weights", "maps"],
    "score": ["phantoms"],
    "recipe": {
        "model": "nano",
        "settings": {"slices": 3, "dim": 24},
        "size": 256,
        "pixel": 500 / 256,
        "batch": 32,
        "lr": 2e-3,
        "weight_decay": 0.03,
        "ct_window": [-500, 300],
        "patients": 0.4,
        "lesion_free": 0.4,
        "seconds": 300,
        "ema": 400,
        "variation": {"scale": 0.3, "pet_gain": 0.25, "window": 30},
    },
}

MORE: Job = PACKAGED | {
    "score": ["phantoms", "unseen"],
    "recipe": PACKAGED["recipe"]
    | {"start": "start", "hard": 8.0, "lr": 1.5e-3, "seconds": 500, "patients": 0.35, "ema": 500, "seed": 2}
    | {"variation": PACKAGED["recipe"]["variation"] | {"dropout": 0.06}},
}
"""Goes on from WORK/start/model.safetensors, and draws more often what is answered wrongly."""


def jobs_of(network: str, folds: int = FOLDS, test: bool = False, seconds: float | None = None) -> list[Job]:
    """Return the jobs of a row: one a fold, or one that learns from all and scores WORK/test.

    Args:
        network: a name of `NETWORKS`, `packaged` or `packaged-more`.
        folds: to cross-validate by.
        test: whether other patients are scored instead.
        seconds: of each training, in place of the recipe's.

    Raises:
        SystemExit: the network has no recipe here.
    """
    if network in ("packaged", "packaged-more"):
        return [PACKAGED if network == "packaged" else MORE]
    if network not in NETWORKS:
        raise SystemExit(
            f"{network}: no recipe of that name; one of {', '.join(NETWORKS)}, packaged, packaged-more"
        )
    own = NETWORKS[network] | ({} if seconds is None else {"seconds": seconds})
    recipe = {"model": network, **SMALL, "variation": {"dropout": 0.2}, **own}
    shared = {"keep": ["maps"], "flips": True}
    if test:
        return [{"name": f"{network}-all", "score": ["test"], "recipe": recipe, **shared}]
    return [
        {"name": f"{network}-{fold}", "fold": [fold, folds], "recipe": recipe | {"seed": fold}, **shared}
        for fold in range(folds)
    ]
