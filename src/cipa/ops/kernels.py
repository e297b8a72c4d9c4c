"""Which form of an op runs: the plain reference loop or a compiled kernel.

`CIPA_KERNELS` in the environment decides, `use_kernels` overrides it for a block. A forced form that cannot run
is an error; `auto` takes the fastest that can.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from cipa.errors import UsageError

FORMS = ("auto", "reference", "cpu")

_override: ContextVar[str | None] = ContextVar("cipa_kernels", default=None)


def requested_form() -> str:
    """Return the form asked for: "auto", "reference" or "cpu".

    Raises:
        UsageError: `CIPA_KERNELS` holds another word.
    """
    form = _override.get() or os.environ.get("CIPA_KERNELS", "auto")
    if form not in FORMS:
        raise UsageError(f"CIPA_KERNELS={form}: must be one of {', '.join(FORMS)}")
    return form


@contextmanager
def use_kernels(form: str) -> Iterator[None]:
    """Force a form of every op inside the block.

    Args:
        form: one of `FORMS`.

    Raises:
        UsageError: an unknown form.
    """
    if form not in FORMS:
        raise UsageError(f"kernels '{form}': must be one of {', '.join(FORMS)}")
    token = _override.set(form)
    try:
        yield
    finally:
        _override.reset(token)
