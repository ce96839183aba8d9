"""Experiment trackers: where results go besides the board.

A tracker is a function that takes a `TrackedResult` and says in a few words where it is now. Ours are `mlflow` and
`wandb`; a package brings its own with:

    [project.entry-points."matdisc.trackers"]
    notebook = "its_package.notebook:log"
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points

from matdisc.errors import ExtraError, MatdiscError, TrackerError, UnknownName
from matdisc.trackers.result import TrackedResult

GROUP = "matdisc.trackers"
Tracker = Callable[[TrackedResult], str]


def point_of(name: str) -> EntryPoint:
    """Return the entry point of a tracker, not loaded.

    Raises:
        UnknownName: If no installed package brings a tracker of that name.
    """
    points = {point.name: point for point in sorted(entry_points(group=GROUP), key=lambda point: point.value)}
    if name not in points:
        near = difflib.get_close_matches(name, points, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(points) or 'none'}"
        raise UnknownName(f"tracker {name!r} is brought by no installed package; {hint}")
    return points[name]


def send(result: TrackedResult, tracker: str | Tracker) -> str:
    """Give a result to a tracker, by its name or itself, and return what it says of where the result is now.

    Raises:
        UnknownName: If there is no tracker of that name.
        ExtraError: If a package that it needs is not installed.
        TrackerError: If it fails in another way.
    """
    name = tracker if isinstance(tracker, str) else getattr(tracker, "__name__", "given")
    point = point_of(tracker) if isinstance(tracker, str) else None
    try:
        take: Tracker = point.load() if point else tracker  # type: ignore[assignment]  # a name has a point
        return str(take(result))
    except MatdiscError:
        raise
    except ModuleNotFoundError as err:
        raise ExtraError(
            f"tracker {name!r} needs the package {err.name!r}, which is not installed; run: pip install {_remedy(name)}"
        ) from err
    except (Exception, SystemExit) as err:  # whatever a tracker, its server or the network between does
        said = " ".join(str(err).split())[:400]
        raise TrackerError(
            f"tracker {name!r} did not take the result of {result.name}: {type(err).__name__}: {said}; look after the "
            "tracker and give the same command again, which adds only what is missing"
        ) from err


def _remedy(name: str) -> str:
    return f"'matdisc[{name}]'" if name in ("mlflow", "wandb") else "it"
