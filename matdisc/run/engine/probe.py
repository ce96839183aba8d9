"""What an environment holds, as its own Python says."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

from matdisc.run.environments.packages import closure, unmet


def report(requirements: Sequence[str]) -> None:
    """Print, inside an environment, the versions that its requirements rest on, and what is wrong with them."""

    wanted = [Requirement(text) for text in requirements]
    found = closure(wanted)
    inherited = {name: number for name, number in found.items() if not _lies_here(name)}
    print(json.dumps({"packages": found, "inherited": inherited, "problem": "; ".join(unmet(wanted))}))


def _lies_here(name: str) -> bool:
    return Path(str(distribution(name).locate_file(""))).is_relative_to(sys.prefix)
