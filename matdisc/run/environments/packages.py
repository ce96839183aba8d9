"""Installed packages and their versions."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution, version

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def installed_version(name: str) -> str | None:
    """Version of an installed package, None if it is missing."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def unmet(requirements: Iterable[Requirement]) -> list[str]:
    """Return in words which requirements the packages of this Python do not meet."""
    wrong = []
    for requirement in requirements:
        number = installed_version(requirement.name)
        if number is None or not requirement.specifier.contains(number, prereleases=True):
            wrong.append(f"{requirement} is asked for and {number or 'nothing'} is found")
    return wrong


def closure(requirements: Iterable[Requirement]) -> dict[str, str]:
    """Return the installed versions of all packages that the requirements rest on, by canonical name, sorted."""
    found: dict[str, str] = {}
    seen = set()
    waiting = list(requirements)
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        key = (name, frozenset(requirement.extras))
        if key in seen or installed_version(name) is None:
            continue
        seen.add(key)
        found[name] = version(name)
        for text in distribution(name).requires or ():
            child = Requirement(text)
            if child.marker is None or any(child.marker.evaluate({"extra": e}) for e in ("", *requirement.extras)):
                waiting.append(child)
    return dict(sorted(found.items()))


def versions(names: Iterable[str]) -> dict[str, str]:
    """Return the versions of these packages in the Python that runs this; those that are missing are left out."""
    found = {name: installed_version(name) for name in names}
    return {name: number for name, number in found.items() if number}
