"""matdisc: the referee for models that promise to find new stable materials.

    import matdisc
    result = matdisc.evaluate(calculator, dataset="elements")

Nothing heavy is imported before one of these functions is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from matdisc import errors
from matdisc.version import __version__

if TYPE_CHECKING:
    from matdisc.api.comparison import compare
    from matdisc.api.evaluate import evaluate
    from matdisc.api.materials import load_dataset
    from matdisc.api.remote import submissions, submit
    from matdisc.api.score import score
    from matdisc.api.track import track

__all__ = ["__version__", "compare", "errors", "evaluate", "load_dataset", "score", "submissions", "submit", "track"]
_PLACES = {
    "compare": "comparison",
    "evaluate": "evaluate",
    "load_dataset": "materials",
    "score": "score",
    "submissions": "remote",
    "submit": "remote",
    "track": "track",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"matdisc.api.{_PLACES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
