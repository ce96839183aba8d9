"""What cards are made of: the patterns of their texts, a form that knows its fields, and words for what is wrong."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from packaging import requirements
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError

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


def explain(path: Path, err: ValidationError) -> str:
    """Return what is wrong with a card: file, field, value and remedy, a line each."""
    lines = []
    places = [problem["loc"] for problem in err.errors()]
    for problem in err.errors():
        loc = problem["loc"]
        if problem["type"] == "too_short" and any(other[: len(loc)] == loc != other for other in places):
            continue  # a list whose items are all wrong is not short of any
        where = ".".join(str(part) for part in loc) or "card"
        lines.append(f"{path}: field '{where}': {_remedy(problem)}")
    return "\n".join(lines)


def _remedy(problem: Any) -> str:
    value = repr(problem.get("input"))
    value = value if len(value) <= 60 else value[:57] + "..."
    kind = problem["type"]
    if kind == "missing":
        return "is missing; add it (docs/cards.md lists every field)"
    if kind == "extra_forbidden":
        return f"is not a field of this card (value {value}); remove it or mend its spelling"
    if kind == "literal_error":
        return f"is {value}; allowed: {problem['ctx']['expected']}"
    if kind == "string_pattern_mismatch":
        pattern = problem["ctx"]["pattern"]
        return f"is {value}; {PATTERN_HELP.get(pattern, 'it has to match ' + pattern)}"
    if kind == "value_error":
        return str(problem["ctx"]["error"])
    return f"is {value}; {problem['msg'].lower()}"


Unit = Literal[
    "eV/atom", "eV", "Å", "Å^2", "Å^3", "Å^3/atom", "degree", "GPa", "K", "kJ/mol", "fs", "ps", "THz", "g/cm^3",
    "m^2/s", "mPa s", "mS/cm", "mol/L", "mol/kg", "1", "text", "bool",
]  # fmt: skip


EnergyScale = Literal["mp2020_corrected", "pbe_raw", "own"]


TaskKey = Literal["discovery", "polymorphs", "relaxation", "alloys", "dynamics", "electrolytes"]


Approach = Literal["universal potential", "one-shot predictor", "Bayesian optimiser", "fingerprint forest"]
"""How a model comes from an unrelaxed crystal to its energy, as Riebesell et al. (arXiv:2308.14920) group models."""


def is_key(text: str) -> bool:
    """Whether `text` may name a model, dataset or board entry (and so a file)."""
    try:
        return re.fullmatch(KEY_PATTERN[1:-1], portable(text)) is not None
    except ValueError:
        return False
