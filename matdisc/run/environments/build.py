"""A layered virtual environment: its own packages first, then those of the Python that matdisc runs in.

pip sees the packages of the parent as installed, so it adds only what is missing or in conflict. What it adds hides
the parent's version in this layer and changes nothing in the parent.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import site
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from matdisc.atomic import write_atomic
from matdisc.errors import RunError
from matdisc.run.environments.packages import installed_version
from matdisc.version import __version__

Say = Callable[[str], None]

MANIFEST = "matdisc-environment.json"
"""Written last: a folder without it is no environment."""

PINS = "matdisc-pins.txt"
PINNED = ("torch", "numpy", "pydantic")
"""Kept at the parent's version unless a card names them: torch is large and comes in builds, numpy stands below the
parent's compiled packages, and pydantic carries the cards from driver to worker."""

PARENT_FILE = "zzz_matdisc_parent.pth"
"""Sorted last, so that the layer's own path files come first."""

NEWS = ("Collecting ", "Downloading ", "Processing ", "Building wheel", "Installing collected")
"""Beginnings of those lines of pip that a waiting person wants to see."""
NOISE = (
    *NEWS, "WARNING", "INFO", "Requirement already", "Looking in ", "Using cached", "Attempting uninstall", "[notice]",
    "Found existing", "Not uninstalling", "Can't uninstall", "To fix this", "1. ", "2. ", "ERROR: ResolutionImpossible",
    "Preparing metadata", "Installing build dependencies", "Getting requirements",
)  # fmt: skip
LAST_LINES = 8


def parsed(requirements: Iterable[str], model: str) -> tuple[Requirement, ...]:
    """Return the requirements that hold on this machine, without those whose marker does not.

    Raises:
        RunError: If one needs another Ray than the one that runs here.
    """
    every = map(Requirement, requirements)
    found = [one for one in every if one.marker is None or one.marker.evaluate()]
    _refuse_another_ray(found, model)
    return tuple(found)


def _refuse_another_ray(requirements: Sequence[Requirement], model: str) -> None:
    here = version("ray")
    for requirement in requirements:
        if canonicalize_name(requirement.name) == "ray" and not requirement.specifier.contains(here, prereleases=True):
            raise RunError(
                f"model {model!r} needs {str(requirement)!r}, but Ray {here} runs here and its workers need the same "
                "version; install a Ray that fits, or score the model's predictions file"
            )


def pins(requirements: Sequence[Requirement]) -> list[str]:
    """Return the constraints of a layer: the parent's versions of PINNED, except what the requirements name."""
    named = {canonicalize_name(r.name) for r in requirements}
    found = {name: installed_version(name) for name in PINNED if name not in named}
    return [f"{name}=={found[name]}" for name in found if found[name]]


def identity(requirements: Sequence[Requirement]) -> dict[str, Any]:
    """What a layer is made of; it becomes the name of its folder."""
    return {
        "requirements": sorted(str(r) for r in requirements),
        "python": sys.version,
        "platform": sysconfig.get_platform(),
        "parent": parent_folders(),
        "pins": [*pins(requirements), f"ray=={version('ray')}"],
    }


def parent_folders() -> list[str]:
    """The folders from which this Python takes installed packages, in its order."""
    folders = site.getsitepackages()
    if site.ENABLE_USER_SITE:
        folders = [site.getusersitepackages(), *folders]
    return [folder for folder in folders if Path(folder).is_dir()]


def build(folder: Path, requirements: Sequence[Requirement], model: str, say: Say, lock: int) -> None:
    """Make the environment at `folder`; on any error nothing is left. The caller holds `lock`, a file descriptor.

    Raises:
        RunError: If pip cannot install the requirements, or matdisc cannot run beside them.
    """
    started = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)  # what a killed build or another parent left
    try:
        _create(folder)
        _install(folder, requirements, model, say, lock)
        say("checking that matdisc runs in it")
        seen = _inspect(folder, requirements, model)
        content = {
            **identity(requirements),
            **seen,
            "bytes": sum(path.lstat().st_size for path in folder.rglob("*")),
            "seconds": round(time.monotonic() - started, 2),
        }
        write_atomic(folder / MANIFEST, (json.dumps(content, indent=1) + "\n").encode())
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def python_of(folder: Path) -> Path:
    """The interpreter of an environment."""
    return folder / "bin" / "python"


def manifest(folder: Path) -> dict[str, Any] | None:
    """What is known of the environment at `folder`; None if it is not complete."""
    try:
        content: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return None
    return content if python_of(folder).exists() else None


def _create(folder: Path) -> None:
    from venv import EnvBuilder

    EnvBuilder(with_pip=False, symlinks=True).create(folder)
    own = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder)}))
    # `addsitedir` reads the parent's own path files, which a plain line would not: editable installs stay visible
    lines = [f"import site; site.addsitedir({parent!r})" for parent in parent_folders()]
    (own / PARENT_FILE).write_text("\n".join(lines) + "\n")


def _install(folder: Path, requirements: Sequence[Requirement], model: str, say: Say, lock: int) -> None:
    if find_spec("pip") is None:
        raise RunError(
            f"model {model!r}: an isolated environment needs pip, and {sys.executable} has none; "
            f"run: {sys.executable} -m ensurepip"
        )
    constraints = folder / PINS
    constraints.write_text("\n".join(pins(requirements)) + "\n")
    # Ray is asked for by its version, so that what it needs takes part in the resolution
    wanted = [*(str(r) for r in requirements), f"ray=={version('ray')}"]
    command = [
        sys.executable, "-P", "-m", "pip", "--python", str(folder), "install", "--no-input", "--progress-bar", "off",
        "--disable-pip-version-check", "--no-warn-script-location", "--constraint", str(constraints), *wanted,
    ]  # fmt: skip
    # pip's --report comes after all is resolved, and --quiet and raw progress name no package: its lines are the news
    lines = []
    with _started(command, lock) as process:
        assert process.stdout is not None
        for line in map(str.strip, process.stdout):
            lines.append(line)
            if line.startswith(NEWS):
                say(line)
    if process.returncode:
        raise RunError(_pip_problem(lines, requirements, model))


@contextmanager
def _started(command: Sequence[str], lock: int) -> Iterator[subprocess.Popen[str]]:
    """Run a command in a session of its own, and end all of it if the block is left early.

    It inherits the lock: should this process be killed, nobody builds here before the orphan has ended.
    """
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace", start_new_session=True, pass_fds=(lock,),
    )  # fmt: skip
    try:
        yield process
        process.wait()
    except BaseException:
        for number, patience in ((signal.SIGINT, 5), (signal.SIGKILL, None)):  # pip cleans up after the first
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(patience)
        raise
    finally:
        if process.stdout:
            process.stdout.close()


def _pip_problem(lines: Sequence[str], requirements: Sequence[Requirement], model: str) -> str:
    said = [line for line in lines if line and not line.startswith(NOISE)][-LAST_LINES:]
    pinned = [pin for pin in pins(requirements) if any(f"(constraint) {pin}" in line for line in lines)]
    if pinned:
        name = pinned[0].split("==")[0]
        remedy = (
            f"{name} is kept at this Python's version; add the {name} that the model needs to 'requirements' "
            "on its card, and the environment gets its own"
        )
    elif any("Retrying (" in line for line in lines):
        remedy = "no package index answers; connect this machine, or set PIP_FIND_LINKS to a folder with the wheels"
    else:
        remedy = (
            "correct 'requirements' on its card (for a rerun: 'lock' in the row's .run.json), or set pip's variables "
            "(PIP_INDEX_URL, PIP_FIND_LINKS)"
        )
    names = ", ".join(str(r) for r in requirements)
    return f"model {model!r}: {names} cannot be installed:\n  " + "\n  ".join(said) + f"\n{remedy}"


def _inspect(folder: Path, requirements: Sequence[Requirement], model: str) -> dict[str, Any]:
    """Ask the new environment for its versions, and whether a worker can run in it."""
    # matdisc may be a checkout that only this process finds; last in the path it hides nothing
    code = (
        f"import sys; sys.path.append({str(Path(__file__).parents[3])!r}); "
        "from matdisc.run.engine.probe import report; report(sys.argv[1:])"
    )
    command = [str(python_of(folder)), "-P", "-c", code, *(str(r) for r in requirements)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL)
    if done.returncode == 0:
        seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        problem = seen.pop("problem")
    else:
        problem = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    if problem:
        names = ", ".join(str(r) for r in requirements)
        raise RunError(
            f"model {model!r}: matdisc {__version__} cannot run beside {names}: {problem}; "
            "loosen 'requirements' on its card, or score the model's predictions file"
        )
    return seen
