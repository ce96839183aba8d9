"""Plain text as Markdown."""

import re


def plain(text: str) -> str:
    """Return a text whose letters mean nothing to Markdown; what stands in backticks stays code."""
    parts = text.split("`")
    for number in range(0, len(parts), 2):
        parts[number] = re.sub(r"([\\*_<>\[\]|~#$])", r"\\\1", parts[number])
    return "`".join(parts)


def code(text: str) -> str:
    """Return a text as code, whatever backticks it has."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"
