"""`matdisc tasks`: what can be asked, of whom, and how it is answered."""

from __future__ import annotations

from typing import Annotated

import typer

from matdisc.cli.common import print_table

tasks = typer.Typer(help="What can be asked of models.", no_args_is_help=True)


@tasks.command("list")
def list_tasks(
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print everything about all tasks in Markdown.")
    ] = False,
) -> None:
    """List the tasks with what a model has to give and what rows are ranked by.

    Tasks of installed packages (entry points of the group matdisc.tasks) are among them.
    """
    from matdisc.tasks import TASKS
    from matdisc.tasks.describe import HEAD, markdown, row

    if as_markdown:
        typer.echo(markdown(TASKS.values()), nl=False)
        return
    print_table(list(HEAD), [row(task) for task in TASKS.values()])


@tasks.command("show")
def show_task(key: str) -> None:
    """Print a task's question, how it is answered, and the columns of its predictions files.

    Example: matdisc tasks show dynamics
    """
    from matdisc.tasks import get_task
    from matdisc.tasks.describe import columns

    task = get_task(key)
    typer.echo(f"{task.title}: {task.question}\n\n{task.description}\n")
    print_table(["column", "unit", "believable", "meaning"], columns(task))
