"""Every command with its options, in Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer
from markdown_text import plain

from matdisc.cli.app import app


def commands() -> Iterator[tuple[str, Any]]:
    """Yield each command by what is typed, groups before what is in them, in the order of the help."""
    yield from _within("matdisc", typer.main.get_command(app))


def _within(typed: str, command: Any) -> Iterator[tuple[str, Any]]:
    yield typed, command
    for name, one in getattr(command, "commands", {}).items():
        if not one.hidden:
            yield from _within(f"{typed} {name}", one)


def markdown() -> str:
    """Return a section for each command."""
    return "\n\n".join(_section(typed, command) for typed, command in commands())


def _section(typed: str, command: Any) -> str:
    context = typer.Context(command, info_name=typed)
    records = [record for one in command.params if (record := one.get_help_record(context))]
    level = "##" if typed.count(" ") <= 1 else "###"
    usage = " ".join(command.get_usage(context).removeprefix("Usage: ").split())
    return "\n\n".join(
        [
            f"{level} `{typed}`",
            f"```text\n{usage}\n```",
            *(_paragraph(text) for text in (command.help or "").split("\n\n") if text.strip()),
            *(f"`{names}`\n: {plain(' '.join(said.split())) or '–'}" for names, said in records),
        ]
    )


def _paragraph(text: str) -> str:
    """Return a paragraph of a help text; an example is code."""
    head, _, rest = text.partition(":")
    if head.startswith("Example") and rest:
        lines = "\n".join(line.strip() for line in rest.strip().splitlines())
        return f"{head}:\n\n```bash\n{lines}\n```"
    return plain(text.strip())
