"""What a rerun depends on: hashes, versions and hardware of a row's record, and a card that asks for its packages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from matdisc.cards import ModelCard
from matdisc.errors import RunError
from matdisc.run.environments.packages import installed_version

OWN = frozenset({"matdisc", "ray"})
"""Never pinned in an isolated environment: matdisc runs there, and Ray has to be that of the driver."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that a rerun depends on, as the row's record has it and as it is here; None where unknown."""

    name: str
    row: str | None
    here: str | None

    @property
    def same(self) -> bool:
        return self.row == self.here


def lock_of(run: Mapping[str, Any]) -> dict[str, str]:
    """Return name to version of the packages that a run's provenance names: its lock, and its workers' main ones."""
    lock: dict[str, str] = dict(run.get("lock") or {})
    for machine in run.get("cost", {}).get("machines", ()):
        for name, number in machine.get("packages", {}).items():
            lock.setdefault(canonicalize_name(name), number)
    return lock


def conditions(run: Mapping[str, Any], again: Mapping[str, Any]) -> list[Condition]:
    """Return what answers depend on, by the provenance of the row's run and of its rerun.

    The hash of a model's card covers its checkpoint; packages are those that the row names.
    """
    before, now = lock_of(run), lock_of(again)
    plain_ones = {"model_sha256": "model card", "dataset_sha256": "dataset", "matdisc": "matdisc", "commit": "commit"}
    return [
        *(Condition(name, run.get(key), again.get(key)) for key, name in plain_ones.items()),
        Condition("hardware", _hardware(run), _hardware(again)),
        *(Condition(name, number, now.get(name)) for name, number in sorted(before.items())),
    ]


def _hardware(run: Mapping[str, Any]) -> str | None:
    machines = run.get("cost", {}).get("machines", ())
    parts = ((m.get("cpu"), m.get("gpu"), "Python " + m["python"] if m.get("python") else None) for m in machines)
    named = {" ".join(filter(None, one)) for one in parts}
    return " and ".join(sorted(named - {""})) or None


def pinned_card(card: ModelCard, lock: Mapping[str, str]) -> ModelCard:
    """Return a card that requires the row's version of each package that differs here, and of those that it names.

    Local parts of versions are left out: no registry has `+cpu`.

    Raises:
        RunError: If the lock names what is no package or no version.
    """
    wanted: dict[str, str] = {canonicalize_name(Requirement(text).name): text for text in card.requirements}
    for name, number in lock.items():
        if name not in OWN and "|" not in number and (name in wanted or installed_version(name) != number):
            wanted[name] = f"{name}=={number.partition('+')[0]}"
            try:
                Requirement(wanted[name])
            except InvalidRequirement as err:
                raise RunError(
                    f"the row's record names {name!r} {number!r}, which is no package and version; mend `lock` in its "
                    ".run.json, or leave out --env isolated"
                ) from err
    return card.model_copy(update={"requirements": tuple(wanted.values())})
