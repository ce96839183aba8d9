"""What is sent to worker processes as bytes, so that what cannot be sent, or not be read there, is said in words."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from matdisc.errors import RunError
from matdisc.predictions import one_line


def sendable(make: Callable[[], Any]) -> Callable[[], Any]:
    """Return a function that does the same in a worker process: what it is made of is read only when it is called.

    Raises:
        RunError: If Ray cannot send it.
    """
    from ray import cloudpickle

    try:
        return partial(_made, cloudpickle.dumps(make))
    except Exception as err:  # what an object does when it is pickled is its own
        raise RunError(one_line(f"{type(err).__name__}: {err}", 200)) from err


def _made(pickled: bytes) -> Any:
    """Return what a function makes that this very run has pickled."""
    from ray import cloudpickle

    return cloudpickle.loads(pickled)()
