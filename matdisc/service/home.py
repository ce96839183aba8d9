"""The folder of a service: made at its first start, with a settings file that says what can be set."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel

from matdisc.atomic import naming, write_atomic
from matdisc.service.settings import BLOBS, DATABASE, SETTINGS, Settings

HEAD = f"""\
# Settings of the submission service; what they mean is in docs/guides/service.md.
# A line that begins with # shows the default. Remove the # to change it; then start the service again.
# {DATABASE} and {BLOBS}, variables of the environment, stand above this file.
"""
PLACES = """
# Where submissions and files lie; default: service.db and blobs in this folder.
# database = "sqlite:////var/lib/matdisc/service.db"
# database = "postgresql://USER:PASSWORD@HOST/NAME"
# blobs = "/var/lib/matdisc/blobs"
# blobs = "s3://BUCKET/PREFIX"

"""


def make_home(home: Path) -> bool:
    """Make the folder, closed to other users and to git, and its settings file; return whether that was new.

    Raises:
        OSError: If it cannot be written, with its name.
    """
    path = home / SETTINGS
    with naming(home):
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (home / ".gitignore").exists():  # a board is often a repository, and this is no part of it
            write_atomic(home / ".gitignore", b"*\n")
        if path.exists():
            return False
        write_atomic(path, settings_text().encode())
        path.chmod(0o600)  # a database's URL may hold a password
    return True


def settings_text() -> str:
    """Return a settings file in which every setting stands with its default, behind a #."""
    single = [name for name, field in Settings.model_fields.items() if field.default in (False, ())]
    lines = [HEAD + PLACES + "\n".join(_line(name, Settings.model_fields[name].default) for name in single)]
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, BaseModel):
            content = field.default.model_dump()
            lines += ["", f"[{name}]", *(_line(key, value) for key, value in content.items())]
    return "\n".join(lines) + "\n"


def _line(name: str, value: object) -> str:
    return f"# {name} = {json.dumps(value)}"
