"""Compiling functions with numba, keeping the result on disk where that is possible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function at its first call, and keep the machine code for later processes.

    The code is kept beside the module, else in the user's cache folder, else in `NUMBA_CACHE_DIR`. Where none of
    these can be written (a read-only installation without a home), every process compiles anew.
    Sums may be reordered (fastmath), but nan and inf keep their meaning: a diverging run must be noticed.
    """
    fastmath = {"reassoc", "contract", "arcp", "nsz", "afn"}
    try:
        return njit(cache=True, fastmath=fastmath, error_model="numpy", nogil=True)(function)
    except RuntimeError:  # numba: no folder to keep the code in
        return njit(fastmath=fastmath, error_model="numpy", nogil=True)(function)
