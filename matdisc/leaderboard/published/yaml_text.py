"""YAML of strangers: bounded in size and depth, without aliases and repeated keys, and every scalar is text.

YAML itself reads nobelium `No` as false, the version 1.10 as 1.1 and 1e-3 as text; here the form of a card decides.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from matdisc.errors import DataError

MOST_BYTES = 1_000_000
MOST_DEPTH = 20
NOTHING = frozenset(("", "~", "null", "Null", "NULL"))


class _Loader(yaml.BaseLoader):
    """Nothing is ever made of a tag: there are mappings, lists and texts only."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            self._refuse("an alias (*name); write the content out", self.peek_event().start_mark)
        if self.depth == MOST_DEPTH:
            self._refuse(f"more than {MOST_DEPTH} levels", self.peek_event().start_mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value]
        for i, (key, _) in enumerate(node.value):
            if not isinstance(key, yaml.ScalarNode):
                self._refuse("a key that is no text", key.start_mark)
            if key.value in names[:i]:
                self._refuse(f"{key.value[:60]!r} twice; keep one of them", key.start_mark)
        return super().construct_mapping(node, deep=deep)

    def _refuse(self, what: str, mark: Any) -> None:
        raise yaml.MarkedYAMLError(problem=f"there is {what}", problem_mark=mark)


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the content of a YAML file whose outermost form is a mapping; scalars are text, or None for nothing.

    Raises:
        DataError: If it is too large, no UTF-8, no YAML, or holds what is refused here; with the line.
        OSError: If it cannot be read, with its name.
    """
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise DataError(f"{path}: is larger than {MOST_BYTES:,} bytes, too much for a card; look at what it is")
    try:
        loader = _Loader(data.decode("utf-8-sig"))
        try:
            content = _nothing(loader.get_single_data())
        finally:
            loader.dispose()
    except UnicodeDecodeError as err:
        raise DataError(f"{path}: not UTF-8 text ({err.reason} at byte {err.start}); save it as UTF-8") from err
    except yaml.YAMLError as err:
        raise DataError(f"{path}: {_words(err)}") from err
    if not isinstance(content, dict):
        raise DataError(f"{path}: holds no fields ('name: value'); is it a card?")
    return content


def _words(err: yaml.YAMLError) -> str:
    mark = getattr(err, "problem_mark", None)
    where = f"line {mark.line + 1}: " if mark else ""
    said = getattr(err, "problem", None) or " ".join(str(err).split())
    return f"{where}not the YAML of a card: {said}"


def _nothing(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _nothing(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_nothing(item) for item in content]
    return None if content in NOTHING else content
