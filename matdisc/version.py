"""The version of the package, and the commit of a checkout."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

__version__ = "0.1.0"


@lru_cache(maxsize=1)
def commit() -> str | None:
    """Return the hash of the commit that this package is of, with `+changes` where its files differ from it.

    None where that is not known: a wheel says its version, and only one that pip built from a repository its commit.
    """
    import json
    import subprocess
    from importlib.metadata import PackageNotFoundError, distribution

    root = Path(__file__).parent.parent
    try:
        if (root / ".git").exists():
            git = ("git", "-C", str(root))
            ask = {"capture_output": True, "text": True, "timeout": 10, "check": True}
            head = subprocess.run([*git, "rev-parse", "HEAD"], **ask).stdout.strip()  # type: ignore[call-overload]
            changed = subprocess.run([*git, "status", "--porcelain", "-uno", "--", "matdisc"], **ask)  # type: ignore[call-overload]
            return head + ("+changes" if changed.stdout.strip() else "")
        source = distribution("matdisc").read_text("direct_url.json")
        found = json.loads(source or "{}").get("vcs_info", {}).get("commit_id")
        return None if found is None else str(found)
    except (OSError, subprocess.SubprocessError, PackageNotFoundError, ValueError):
        return None
