"""All fields of model and dataset cards, with type, default and meaning, in Markdown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from markdown_text import plain

from matdisc.cards import DatasetCard, ModelCard
from matdisc.tasks.describe import table

PROSE = Path(__file__).parent.parent / "reference" / "cards.md"
BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def markdown() -> str:
    """Return a section for each card, and one for each table within it."""
    said = meanings(PROSE.read_text(encoding="utf-8"))
    return "\n\n".join(
        f"## {title}\n\n" + _card(kind.model_json_schema(), said[title])
        for title, kind in (("Model card", ModelCard), ("Dataset card", DatasetCard))
    )


def meanings(text: str) -> dict[str, dict[str, str]]:
    """Return what the tables of the page about cards say of each field, by heading and by field."""
    found = {}
    for section in text.split("\n## ")[1:]:
        rows = re.findall(r"^\| (`.+?) \| .*? \| (.+) \|$", section, re.MULTILINE)
        found[section.split("\n")[0]] = {name: meaning for cell, meaning in rows for name in _names(cell)}
    return found


def _names(cell: str) -> list[str]:
    """Return the fields that a row is about; names that follow a table without a comma are in it."""
    names = [name.strip("[]").split(".")[0] for name in re.findall(r"`([^`]+)`", cell)]
    return names[:1] if re.match(r"`\[[^`]+` `", cell) else names


def _card(schema: dict[str, Any], said: dict[str, str]) -> str:
    parts = [_about(schema), _table(schema, said)]
    for name, one in sorted(schema.get("$defs", {}).items()):
        parts.append(f"### {name}\n\n{_about(one)}\n\n{_table(one, {})}")
    return "\n\n".join(parts)


def _about(schema: dict[str, Any]) -> str:
    return plain(schema.get("description", ""))


def _table(schema: dict[str, Any], said: dict[str, str]) -> str:
    needed = schema.get("required", [])
    head = ["field", "type", "default"] + ["meaning"] * bool(said)
    rows = [
        [f"`{name}`", _type(one), "needed" if name in needed else _default(one)] + [said.get(name, "")] * bool(said)
        for name, one in schema["properties"].items()
    ]
    return table(head, rows)


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f"[table {name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"] if one.get("type") != "null")
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema["type"] == "array":
        return f"list: {_type(schema['items'])}" if "items" in schema else "list"
    if schema["type"] == "object":
        inner = schema.get("additionalProperties")
        return f"table of names: {_type(inner)}" if isinstance(inner, dict) else "table"
    bounds = [f"{sign} {schema[key]:g}" for key, sign in BOUNDS.items() if key in schema]
    return " ".join([{"string": "text", "boolean": "true or false"}.get(schema["type"], schema["type"]), *bounds])


def _default(schema: dict[str, Any]) -> str:
    value = schema.get("default")
    if value in (None, [], {}) or isinstance(value, dict):
        return "–"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
