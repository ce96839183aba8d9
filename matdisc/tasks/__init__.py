"""The questions that are put to models. A task is data; `TASKS` lists them all."""

from matdisc.errors import CardError
from matdisc.scoring.answers import Verdicts
from matdisc.tasks.alloys.task import ALLOYS
from matdisc.tasks.discovery.task import DISCOVERY
from matdisc.tasks.dynamics.task import DYNAMICS
from matdisc.tasks.electrolytes.task import ELECTROLYTES
from matdisc.tasks.polymorphs.task import POLYMORPHS
from matdisc.tasks.relaxation.task import RELAXATION
from matdisc.tasks.task import Outcome, Task

TASKS: dict[str, Task] = {
    task.key: task for task in (DISCOVERY, POLYMORPHS, RELAXATION, ALLOYS, DYNAMICS, ELECTROLYTES)
}

__all__ = ["TASKS", "Outcome", "Task", "Verdicts"]


def get_task(key: str) -> Task:
    """Return a task by its key.

    Raises:
        CardError: If there is none.
    """
    if key not in TASKS:
        raise CardError(f"task {key!r} does not exist; tasks: {', '.join(TASKS)}")
    return TASKS[key]
