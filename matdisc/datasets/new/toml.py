"""TOML as people would write it: the few kinds of values that a card has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def toml(content: Mapping[str, Any]) -> str:
    """Return a card's content as TOML; tables follow the plain values, and lists of tables get a header each."""
    plain = [f"{name} = {value(one)}" for name, one in content.items() if not _is_table(one)]
    parts = ["\n".join(plain)]
    for name, one in content.items():
        if isinstance(one, Mapping):
            parts.append(f"[{name}]\n{_lines(one)}")
        elif _is_table(one):
            parts += [f"[[{name}]]\n{_lines(item)}" for item in one]
    return "\n\n".join(parts) + "\n"


def value(one: Any) -> str:
    """Return one value in TOML: text, number, truth, list or inline table."""
    if isinstance(one, bool):
        return str(one).lower()
    if isinstance(one, str):
        return json.dumps(one, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(one, int | float):
        return repr(one)
    if isinstance(one, Mapping):
        return "{ " + ", ".join(f"{_key(name)} = {value(item)}" for name, item in one.items()) + " }"
    if len(one) > 1 and all(isinstance(item, str) for item in one) and sum(map(len, one)) > 80:
        return "[\n" + "".join(f"    {value(item)},\n" for item in one) + "]"
    return "[" + ", ".join(value(item) for item in one) + "]"


def _lines(table: Mapping[str, Any]) -> str:
    return "\n".join(f"{_key(name)} = {value(one)}" for name, one in table.items())


def _key(name: str) -> str:
    bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if bare else value(name)


def _is_table(one: Any) -> bool:
    return isinstance(one, Mapping) or (isinstance(one, list | tuple) and bool(one) and isinstance(one[0], Mapping))
