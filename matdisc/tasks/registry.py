"""Which tasks there are: our own, and those that installed packages bring by the entry point group `matdisc.tasks`.

Keys are known without loading anything, so that help texts are cheap. A package brings a task with:

    [project.entry-points."matdisc.tasks"]
    adsorption = "its_package.adsorption:ADSORPTION"
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from matdisc.errors import CardError

if TYPE_CHECKING:
    from matdisc.tasks.task import Task

GROUP = "matdisc.tasks"
OWN = (
    "discovery",
    "polymorphs",
    "relaxation",
    "static",
    "alloys",
    "perovskites",
    "learning",
    "dynamics",
    "electrolytes",
    "phonons",
    "thermal-conductivity",
    "eos",
    "dimers",
    "vacancies",
    "elasticity",
    "formation-enthalpy",
    "soundness",
)
"""Our own tasks in the order of the site: `matdisc.tasks.<key>.task` holds `<KEY>`, with `_` for `-`."""


class Registry(Mapping[str, "Task"]):
    """Tasks by key, loaded when they are needed; what cannot be used is left out and named in `problems`."""

    def __init__(self, own: tuple[str, ...], group: str) -> None:
        self._own, self._group = own, group
        self._loaded: dict[str, Task | None] = {}
        self.problems: list[str] = []

    @cached_property
    def _points(self) -> dict[str, EntryPoint]:
        found: dict[str, EntryPoint] = {}
        for point in sorted(entry_points(group=self._group), key=lambda point: (point.name, point.value)):
            if point.name in self._own or point.name in found:
                self._leave_out(point, f"the key {point.name!r} is taken; give it another name")
            else:
                found[point.name] = point
        return found

    @property
    def keys_known(self) -> tuple[str, ...]:
        """Keys of all tasks, whether or not they can be loaded."""
        return (*self._own, *self._points)

    def __getitem__(self, key: str) -> Task:
        if key not in self._loaded:
            if key in self._own:
                name = key.replace("-", "_")
                self._loaded[key] = getattr(import_module(f"matdisc.tasks.{name}.task"), name.upper())
            elif key in self._points:
                self._loaded[key] = self._load(self._points[key])
        task = self._loaded.get(key)
        if task is None:
            raise KeyError(key)
        return task

    def __iter__(self) -> Iterator[str]:
        return (key for key in self.keys_known if key in self)

    def __contains__(self, key: object) -> bool:
        try:
            return isinstance(key, str) and self[key] is not None
        except KeyError:
            return False

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _load(self, point: EntryPoint) -> Task | None:
        from matdisc.tasks.task import faults

        try:
            found = point.load()
            said = "; ".join(faults(found, point.name))
        except (Exception, SystemExit) as err:  # whatever a module of others does when it is imported
            said, found = f"it raises {type(err).__name__}: {err}", None
        if said:
            self._leave_out(point, said)
            return None
        task: Task = found
        return task

    def _leave_out(self, point: EntryPoint, why: str) -> None:
        package = f" of the package {point.dist.name!r}" if point.dist else ""
        self.problems.append(
            f"task {point.name!r}{package} ({point.value}) is left out: {why}; mend or uninstall the package"
        )


TASKS = Registry(OWN, GROUP)


def task_keys() -> tuple[str, ...]:
    """Return the keys of all tasks without loading them."""
    return TASKS.keys_known


def get_task(key: str) -> Task:
    """Return a task by its key.

    Raises:
        CardError: If there is none, or it cannot be used.
    """
    if key not in TASKS:
        broken = next((f" ({problem})" for problem in TASKS.problems if f"task {key!r}" in problem), "")
        raise CardError(f"task {key!r} does not exist{broken}; tasks: {', '.join(TASKS)}")
    return TASKS[key]
