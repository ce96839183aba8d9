"""`matdisc bench`: whether anything has become slower, from two reports of `make bench`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Literal, NamedTuple

import typer

from matdisc.cli.common import print_table
from matdisc.errors import DataError

SCHEMA = "matdisc.benchmarks/1"
TOLERANCE = 20.0
"""Per cent."""
Better = Literal["higher", "lower"]
bench = typer.Typer(no_args_is_help=True)


@dataclass(frozen=True, slots=True)
class Ratio:
    """Two times of one run over each other; `seconds` holds numerator and denominator of each repetition."""

    part: str
    what: str
    better: Better
    seconds: tuple[tuple[float, float], ...]

    @property
    def values(self) -> list[float]:
        return [numerator / denominator for numerator, denominator in self.seconds]

    @property
    def value(self) -> float:
        """The median."""
        return median(self.values)

    @property
    def low(self) -> float:
        return min(self.values)

    @property
    def high(self) -> float:
        return max(self.values)

    @property
    def middle(self) -> tuple[float, float]:
        """Medians of numerators and denominators, seconds."""
        numerators, denominators = zip(*self.seconds, strict=True)
        return median(numerators), median(denominators)


@dataclass(frozen=True, slots=True)
class Report:
    """What `python -m benchmarks` has written: ratios, and where and when they were measured."""

    date: str
    commit: str
    changed: bool
    machine: Mapping[str, Any]
    ratios: tuple[Ratio, ...]


class Drift(NamedTuple):
    """How a ratio has changed: `worse` per cent (negative: better), and whether its spreads are `apart`."""

    old: Ratio
    new: Ratio
    worse: float
    apart: bool

    def verdict(self, tolerance: float) -> str:
        """Say whether it moved, and if that is beyond `tolerance` per cent, how."""
        if not self.apart:
            return "within its spread"
        if abs(self.worse) <= tolerance:
            return "moved"
        return "worse" if self.worse > 0 else "better"


@bench.command()
def compare(
    old: Annotated[Path, typer.Argument(help="A report of `make bench`.")],
    new: Annotated[Path, typer.Argument(help="A later one.")],
    tolerance: Annotated[float, typer.Option(min=0.0, help="Per cent that a ratio may be worse.")] = TOLERANCE,
) -> None:
    """Show which ratios have moved by more than their spread; exit code 1 if one is worse by more than the tolerance.

    Example: matdisc bench compare benchmarks/results/reference.json benchmarks/results/latest.json
    """
    before, after = read_report(old), read_report(new)
    for line in differences(before, after):
        typer.echo(line)
    found = drifts(before, after)
    if not found:
        raise DataError(f"{old} and {new} have no ratio in common; measure the same parts for both")
    rows = [
        [
            d.new.part,
            d.new.what,
            _with_spread(d.old),
            _with_spread(d.new),
            f"{0.0 - d.worse:+.0f} %",
            d.verdict(tolerance),
        ]
        for d in found
    ]
    print_table(["part", "what", "old", "new", "better by", "verdict"], rows)
    worse = [d.new.what for d in found if d.verdict(tolerance) == "worse"]
    if worse:
        typer.echo(f"{len(worse)} of {len(found)} worse by more than {tolerance:g} %: {'; '.join(worse)}")
        raise typer.Exit(1)
    typer.echo(f"none of {len(found)} is worse by more than {tolerance:g} % and its spread")


def drifts(before: Report, after: Report) -> list[Drift]:
    """Return how the ratios have changed that both reports have, the worst first.

    Per cent are of times: a ratio of 10 that is better high and is 8 now is worse by 25 %, 8 s for 10 s of the same
    work. Spreads are apart where no value of one lies between those of the other; of two single values always.
    """
    known = {(one.part, one.what): one for one in before.ratios}
    found = []
    for now in after.ratios:
        then = known.get((now.part, now.what))
        if then is not None:
            change = then.value / now.value if now.better == "higher" else now.value / then.value
            apart = now.low > then.high or now.high < then.low
            found.append(Drift(then, now, 100 * (change - 1), apart))
    return sorted(found, key=lambda drift: -drift.worse)


def differences(before: Report, after: Report) -> list[str]:
    """Say what besides the code may have moved ratios, and what only one of the reports has."""
    lines = [
        f"{name}: {before.machine.get(name)} before, {after.machine.get(name)} now"
        for name in ("cpu", "cores", "memory_gib", "python", "packages", "load_average")
        if before.machine.get(name) != after.machine.get(name)
    ]
    then, now = ({(one.part, one.what) for one in report.ratios} for report in (before, after))
    lines += [f"not measured now: {part}: {what}" for part, what in sorted(then - now)]
    return lines + [f"not measured before: {part}: {what}" for part, what in sorted(now - then)]


def read_report(path: Path) -> Report:
    """Return a report.

    Raises:
        DataError: If it is none.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] != SCHEMA:
            raise DataError(f"{path}: schema is {content['schema']!r}, not {SCHEMA!r}; measure again with make bench")
        ratios = tuple(
            Ratio(one["part"], one["what"], one["better"], _positive(one["seconds"])) for one in content["ratios"]
        )
        return Report(content["date"], content["commit"], content["changed"], content["machine"], ratios)
    except (ValueError, KeyError, TypeError) as err:
        raise DataError(f"{path}: no report of make bench ({type(err).__name__}: {err})") from err


def three_digits(number: float) -> str:
    """Return a number with three digits."""
    return f"{number:.3g}" if abs(number) < 1000 else f"{number:,.0f}"


def _positive(seconds: Sequence[Sequence[float]]) -> tuple[tuple[float, float], ...]:
    pairs = tuple((float(numerator), float(denominator)) for numerator, denominator in seconds)
    if not pairs or min(map(min, pairs)) <= 0:
        raise ValueError(f"seconds are {seconds}; all have to be above 0")
    return pairs


def _with_spread(one: Ratio) -> str:
    return three_digits(one.value) + (
        f" ({three_digits(one.low)} to {three_digits(one.high)})" if len(one.seconds) > 1 else ""
    )
