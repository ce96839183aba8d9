"""Whether something can be sent to worker processes."""

from __future__ import annotations

from typing import Any

from matdisc.predictions import one_line


def why_not_pickled(thing: Any) -> str:
    """Return why Ray cannot send something to its workers, in words; empty if it can."""
    from ray import cloudpickle

    try:
        cloudpickle.dumps(thing)
    except Exception as err:  # what an object does when it is pickled is its own
        return one_line(f"{type(err).__name__}: {err}", 200)
    return ""
