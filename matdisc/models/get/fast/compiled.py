"""Compiling functions with numba, keeping the result on disk where that is possible."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit

FASTMATH = {"reassoc", "contract", "arcp", "nsz", "afn"}
"""Sums may be reordered, but nan and inf keep their meaning: a run that explodes must be noticed."""
SOURCES = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))).hexdigest()
"""Of this folder: machine code contains parts of several files, and numba looks at the date of one only."""


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function at its first call, and keep the machine code for later processes.

    numba keeps it in `NUMBA_CACHE_DIR` if that is set, else beside the module, else in the user's cache folder. Where
    none of these can be written (a read-only installation without a home), every process compiles anew.
    """
    options = {"fastmath": FASTMATH, "error_model": "numpy", "nogil": True}
    function.__qualname__ += f"_{SOURCES[:8]}"  # part of the name under which the code is kept
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # numba: no folder to keep the code in
        return njit(**options)(function)
