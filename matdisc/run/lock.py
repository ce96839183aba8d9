"""With which packages a run was made: the lock that lies beside its record, as pip reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from packaging.requirements import Requirement

from matdisc.atomic import write_atomic
from matdisc.cards import ModelCard
from matdisc.errors import RunError
from matdisc.run.environments.layers import Mode, ensure
from matdisc.run.environments.packages import closure

LOCK = "packages.txt"


def run_lock(folder: Path, card: ModelCard, mode: Mode, *, computed: bool) -> dict[str, str]:
    """Return name to version of all packages that matdisc and a model rest on, as the record's last answers had them.

    They are written to `packages.txt` in the record's folder, one `name==version` a line. Where nothing was computed
    now, what lies there counts; empty where a record has none. On a cluster of several machines these are the packages
    of the machine that the run was started from; each worker names its own main ones (`cost.machines`).

    Args:
        folder: Where the record lies.
        card: The model, with all that is required.
        mode: In which environment its workers ran.
        computed: Whether any answer is new.

    Raises:
        RunError: If the lock that lies there is damaged.
    """
    path = folder / LOCK
    if computed:
        found = dict(_here((card.key, *card.requirements), mode))
        write_lock(folder, found)
        return found
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as err:
        raise RunError(f"{path}: is no text ({err}); remove it, and the packages count as unknown") from err
    wrong = [number for number, line in enumerate(lines, start=1) if line.strip() and "==" not in line]
    if wrong:
        raise RunError(
            f"{path}, line {wrong[0]}: {lines[wrong[0] - 1]!r} is no `name==version`; mend it, or remove the file, and "
            "the packages count as unknown"
        )
    return parsed_lock(lines)


def write_lock(folder: Path, lock: Mapping[str, str]) -> None:
    """Write a lock beside a record."""
    write_atomic(folder / LOCK, "".join(f"{name}=={number}\n" for name, number in lock.items()).encode())


def parsed_lock(lines: Sequence[str]) -> dict[str, str]:
    """Return name to version from lines `name==version`."""
    return {name: number for name, same, number in (line.strip().partition("==") for line in lines) if same}


def joined_locks(locks: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return one lock for the parts of a run; versions that differ stand beside each other, with `|` between them."""
    names = sorted({name for lock in locks for name in lock})
    return {name: "|".join(sorted({lock[name] for lock in locks if name in lock})) for name in names}


@lru_cache(maxsize=32)
def _here(asked: tuple[str, ...], mode: Mode) -> tuple[tuple[str, str], ...]:
    key, *texts = asked
    found = closure(map(Requirement, ("matdisc", *(() if mode == "isolated" else texts))))
    if mode == "isolated" and texts:
        found = {**found, **ensure(sorted(set(texts)), model=key).packages}
    return tuple(sorted(found.items()))
