"""The questions that are put to models; `TASKS` lists them all."""

from matdisc.tasks.registry import TASKS, get_task, task_keys

__all__ = ["TASKS", "get_task", "task_keys"]
