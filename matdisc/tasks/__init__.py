"""The questions that are put to models. A task is data; `TASKS` lists them all."""

from matdisc.tasks.alloys import ALLOYS
from matdisc.tasks.base import Outcome, Task, Verdicts
from matdisc.tasks.discovery import DISCOVERY
from matdisc.tasks.dynamics import DYNAMICS
from matdisc.tasks.electrolytes import ELECTROLYTES
from matdisc.tasks.polymorphs import POLYMORPHS
from matdisc.tasks.relaxation import RELAXATION

TASKS: dict[str, Task] = {
    task.key: task for task in (DISCOVERY, POLYMORPHS, RELAXATION, ALLOYS, DYNAMICS, ELECTROLYTES)
}

__all__ = ["TASKS", "Outcome", "Task", "Verdicts"]
