"""How a worker of a cluster starts: `python -m matdisc.run.environments.start --model M --requirement R -- ARGUMENTS`.

It runs ARGUMENTS with the Python of the model's environment, which is built first where a node does not have it yet.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence

from matdisc.errors import RunError
from matdisc.run.environments.layers import PROBLEM, ensure, ready


def main(arguments: Sequence[str]) -> None:
    """Become the worker; if its environment cannot be made, become one that says so when it is asked."""
    parser = argparse.ArgumentParser(prog="python -m matdisc.run.environments.start")
    parser.add_argument("--model", required=True)
    parser.add_argument("--requirement", action="append", required=True)
    parser.add_argument("--build-only", action="store_true")
    split = arguments.index("--") if "--" in arguments else len(arguments)
    options = parser.parse_args(arguments[:split])
    if options.build_only:
        _build(options.requirement, options.model)
        return
    try:
        python = str(ready(options.requirement, options.model) or _built_apart(options.requirement, options.model))
    except RunError as err:
        # Ray starts a worker that ends at once five times over and never says why; one that lives can tell
        os.environ[PROBLEM] = str(err)
        python = sys.executable
    os.execv(python, [python, *arguments[split + 1 :]])


def _build(requirements: Sequence[str], model: str) -> None:
    try:
        print(ensure(requirements, model=model).python)
    except RunError as err:
        print(err, file=sys.stderr)
        sys.exit(2)


def _built_apart(requirements: Sequence[str], model: str) -> str:
    """Build in a process that outlives this one: Ray ends a worker that has not started after a minute, and retries."""
    options = [part for text in requirements for part in ("--requirement", text)]
    command = [sys.executable, "-m", "matdisc.run.environments.start", "--model", model, *options, "--build-only"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, start_new_session=True)
    if done.returncode:
        raise RunError(done.stderr.strip() or f"model {model!r}: its environment could not be built")
    return done.stdout.strip().splitlines()[-1]


if __name__ == "__main__":
    main(sys.argv[1:])
