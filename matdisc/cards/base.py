"""What cards are made of: the patterns of their texts, a form that knows its fields, and words for what is wrong."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from packaging import requirements
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError

from matdisc.units import EnergyScale as EnergyScale

KEY_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,63}$"
NAME_PATTERN = r"^[\w .+\-()/&,:]{1,120}$"

DEVICES = frozenset(["con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))])
"""What Windows does not let a file be called, whatever follows after a dot."""


def portable(key: str) -> str:
    """Return a key that can be a file's name everywhere.

    Raises:
        ValueError: If Windows could not hold that file.
    """
    if key.partition(".")[0] in DEVICES:
        raise ValueError(f"is {key!r}, which Windows keeps for a device; choose another name")
    if key.endswith("."):
        raise ValueError(f"is {key!r}, and Windows drops a dot at the end; choose another name")
    return key


def requirement(text: str) -> str:
    """Return a requirement of a package, as it is.

    Raises:
        ValueError: If pip could not read it.
    """
    try:
        requirements.Requirement(text)
    except requirements.InvalidRequirement as err:
        raise ValueError(f"is {text!r}, no requirement ({str(err).splitlines()[0]}); write it as for pip") from err
    return text


Key = Annotated[str, StringConstraints(pattern=KEY_PATTERN), AfterValidator(portable)]
Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN, strip_whitespace=True)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=4000, strip_whitespace=True)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
HttpsUrl = Annotated[str, StringConstraints(pattern=r"^https://[^\s<>\"']{3,500}$")]
RelativePath = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_=][A-Za-z0-9._=-]*(/[A-Za-z0-9_=][A-Za-z0-9._=-]*)*$")
]
Requirement = Annotated[str, AfterValidator(requirement)]
Loader = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
ImportName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_]\w*$")]


class Strict(BaseModel):
    """Frozen, and unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


PATTERN_HELP = {
    KEY_PATTERN: "begin with a letter or a digit; use lower-case letters, digits, dot, dash and underscore, at most 64",
    NAME_PATTERN: "use letters, digits, spaces and . + - ( ) / & , : only, at most 120",
    r"^[0-9a-f]{64}$": "give the 64 hexadecimal digits of a sha256; `matdisc datasets describe KEY` prints a dataset's",
}
MOST_PROBLEMS = 20
UNKNOWN_HASH = "0" * 64
"""Stands for a hash that is not known."""


def unmeasured(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a dataset's card with placeholders for what follows from its embedded files."""
    known = {"n_samples": 1, "sha256": UNKNOWN_HASH}
    found = content | known
    if isinstance(content.get("relaxation"), dict):
        found["relaxation"] = content["relaxation"] | known
    if isinstance(content.get("files"), list):
        found["files"] = [_unhashed(file) if isinstance(file, dict) else file for file in content["files"]]
    return found


def _unhashed(file: dict[str, Any]) -> dict[str, Any]:
    """Return a file of a card without what `describe` finds out; a public file keeps the hash that it is fetched by."""
    hashes = {name: file[name] for name, digits in (("sha256", 64), ("md5", 32)) if _is_hash(file.get(name), digits)}
    known = hashes if hashes and ("url" in file or "mirror" in file) else {"sha256": UNKNOWN_HASH}
    return {name: value for name, value in file.items() if name not in ("bytes", "sha256", "md5")} | known


def _is_hash(value: object, digits: int) -> bool:
    return isinstance(value, str) and re.fullmatch(rf"[0-9a-f]{{{digits}}}", value) is not None


def explain(path: Path, content: Any, err: ValidationError, kind: type[BaseModel], remedy: str) -> str:
    """Return what is wrong with a file that people or programs wrote: file, field, value and remedy, a line each.

    Args:
        path: The file.
        content: Of the file, as it was read.
        err: What pydantic says of it.
        kind: What the file should have been; its fields are named where one is not known.
        remedy: What to do about a field that is missing.
    """
    lines = []
    places = [problem["loc"] for problem in err.errors()]
    for problem in err.errors():
        loc = problem["loc"]
        if problem["type"] == "too_short" and any(other[: len(loc)] == loc != other for other in places):
            continue  # a list whose items are all wrong is not short of any
        where = f" field '{_place(loc, content)}'" if loc else ""
        lines.append(f"{path}:{where}{_reason(problem, kind, remedy)}")
        if len(lines) == MOST_PROBLEMS:
            break
    return "\n".join(lines)


def _place(loc: tuple[str | int, ...], content: Any) -> str:
    """Return where a field stands; an item of a list goes by its name, if it has one and that is not in question."""
    parts = []
    for part, following in zip(loc, (*loc[1:], ""), strict=True):
        try:
            content = content[part]
        except (KeyError, IndexError, TypeError):
            content = None
        named = isinstance(part, int) and isinstance(content, dict) and following != "name"
        parts.append(str(content.get("name", part) if named else part))
    return ".".join(parts)


def _reason(problem: Any, kind: type[BaseModel], remedy: str) -> str:
    value = repr(problem.get("input"))
    value = value if len(value) <= 60 else value[:57] + "..."
    if problem["type"] == "missing":
        return f" is missing; {remedy}"
    if problem["type"] == "extra_forbidden":
        return f" is not known (value {value}); known here: {', '.join(_known(problem['loc'], kind))}"
    if problem["type"] == "literal_error":
        return f" is {value}; allowed: {problem['ctx']['expected']}"
    if problem["type"] == "string_pattern_mismatch":
        pattern = problem["ctx"]["pattern"]
        return f" is {value}; {PATTERN_HELP.get(pattern, 'it has to match ' + pattern)}"
    if problem["type"] == "value_error":
        return f": {problem['ctx']['error']}"
    return f" is {value}; {problem['msg'][:1].lower() + problem['msg'][1:]}"


def _known(place: tuple[str | int, ...], kind: type[BaseModel]) -> list[str]:
    """Return the names that the table around an unknown field may hold."""
    table = kind
    for part in place[:-1]:
        annotation = table.model_fields[part].annotation if part in table.model_fields else None
        for one in (annotation, *get_args(annotation)):
            if isinstance(one, type) and issubclass(one, BaseModel):
                table = one
    return sorted(table.model_fields)


Unit = Literal[
    "eV/atom", "eV", "eV/Å", "eV/Å^3", "Å", "Å^2", "Å^3", "Å^3/atom", "degree", "GPa", "K", "kJ/mol", "fs", "ps", "THz",
    "J/mol/K", "W/m/K", "g/cm^3", "m^2/s", "mPa s", "mS/cm", "mol/L", "mol/kg", "1", "text", "bool",
]  # fmt: skip


TaskKey = Key
"""Key of a task; whether there is one is checked where it is used."""


Approach = Literal["universal potential", "one-shot predictor", "Bayesian optimiser", "fingerprint forest"]
"""How a model comes from an unrelaxed crystal to its energy, as Riebesell et al. (arXiv:2308.14920) group models."""


def is_key(text: str) -> bool:
    """Whether `text` may name a model, dataset or board entry (and so a file)."""
    try:
        return re.fullmatch(KEY_PATTERN[1:-1], portable(text)) is not None
    except ValueError:
        return False
