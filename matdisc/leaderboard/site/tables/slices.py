"""Metrics by category: a periodic table, and plain tables for everything else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matdisc.leaderboard.schema.details import Details, Slice
from matdisc.leaderboard.site.tables.format import figure
from matdisc.leaderboard.site.tables.ranks import heat_levels

_IN_ORDER = (
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb "
    "Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au "
    "Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts "
    "Og"
)
SYMBOLS = tuple(_IN_ORDER.split())
"""Elements by atomic number."""

TITLES = {
    "anion": "Anion class",
    "n_elements": "Number of elements",
    "prototype": "Prototype",
    "substitution_step": "Substitution step",
}
MOST_ROWS = 20
MIDDLE = 5


@dataclass(frozen=True, slots=True)
class Element:
    """A cell of the periodic table; `text` is empty where nothing is known, `css` the shade."""

    symbol: str
    text: str = ""
    title: str = ""
    css: str = ""


@dataclass(frozen=True, slots=True)
class Periodic:
    """Rows of 18 cells, each with its heading; None is a gap."""

    metric: str
    unit: str
    rows: tuple[tuple[str, tuple[Element | None, ...]], ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class SliceTable:
    """One kind of category as text."""

    key: str
    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left_out: int


def place(number: int) -> tuple[int, int]:
    """Return row and column (from 0) of an element; rows 7 and 8 hold lanthanides and actinides."""
    for row, (first, last) in enumerate(((1, 2), (3, 10), (11, 18), (19, 36), (37, 54), (55, 86), (87, 118))):
        if first <= number <= last:
            at, size = number - first, last - first + 1
            if size == 32 and 2 <= at <= 16:
                return row + 2, at
            return row, at if at < min(2, size - 1) else at + 18 - size
    raise ValueError(f"there is no element {number}")


def periodic(found: Slice) -> Periodic | None:
    """Return MAE, F1 or volume error by element, whichever is defined first, amber for errors; None without any."""
    shown = (
        (found.mae, "MAE", "eV/atom", "a", 2),
        (found.f1, "F1", "", "h", 2),
        (found.volume_abs_error, "Volume error", "%", "a", 1),
    )
    defined = [one for one in shown if one[0] is not None and any(value is not None for value in one[0])]
    if not defined:
        return None
    chosen, metric, unit, css, places = defined[0]
    return periodic_of(found.name, found.n, chosen or (), metric, unit, css, places)


def periodic_of(
    names: Sequence[str],
    counts: Sequence[int],
    values: Sequence[float | None],
    metric: str,
    unit: str,
    css: str,
    places: int,
    things: str = "materials",
) -> Periodic | None:
    """Return one number of each element in its place, shaded by order; None where none is defined.

    Args:
        names: Symbols; others are counted as left out.
        counts: Number of `things` behind each value.
        values: The numbers, higher ones darker.
        metric: Its name.
        unit: Its unit, empty for none.
        css: First letter of the shade: `a` for errors, `h` else.
        places: Decimals.
        things: What is counted.
    """
    if all(value is None for value in values):
        return None
    levels = heat_levels(values, "higher")
    grid: list[list[Element | None]] = [[None] * 18 for _ in range(9)]
    for number, symbol in enumerate(SYMBOLS, 1):
        row, column = place(number)
        grid[row][column] = Element(symbol)
    grid[5][2], grid[6][2] = Element("57–71"), Element("89–103")
    left_out = 0
    numbers = {symbol: number for number, symbol in enumerate(SYMBOLS, 1)}
    for name, n, value, level in zip(names, counts, values, levels, strict=True):
        if name not in numbers:
            left_out += 1
            continue
        row, column = place(numbers[name])
        title = f"{name}: {metric} {figure(value)}{' ' + unit if unit else ''}, {n:,} {things}"
        text = "–" if value is None else f"{value:.{places}f}"
        shade = MIDDLE if level is None else level  # equal values are shaded alike, unlike unknown ones
        grid[row][column] = Element(name, text, title, "" if value is None else f"{css}{shade}")
    heads = ("1", "2", "3", "4", "5", "6", "7", "La", "Ac")
    return Periodic(metric, unit, tuple(zip(heads, map(tuple, grid), strict=True)), left_out)


def slice_tables(details: Details) -> list[SliceTable]:
    """Return a table for each kind of category but elements, the known kinds first."""
    keys = [key for key in TITLES if key in details.slices]
    keys += sorted(key for key in details.slices if key not in TITLES and key != "element")
    return [slice_table(key, details.slices[key]) for key in keys if details.slices[key].name]


def slice_table(key: str, found: Slice) -> SliceTable:
    """Return one kind of category as text; a column without any number is left out."""
    title = TITLES.get(key, key.replace("_", " "))
    columns: list[tuple[str, Sequence[float | None]]] = [("Materials", found.n)]
    columns += [
        (label, values)
        for label, values in (
            ("Stable", found.n_stable), ("F1", found.f1), ("DAF", found.daf), ("Precision", found.precision),
            ("Recall", found.recall), ("MAE, eV/atom", found.mae), ("RMSD", found.rmsd),
            ("Symmetry kept (0.1 Å)", found.symmetry_match_loose), ("Volume error, %", found.volume_abs_error),
        )
        if values is not None and any(value is not None for value in values)
    ]  # fmt: skip
    shown = range(min(len(found.name), MOST_ROWS))
    rows = tuple((found.name[i], *(_text(label, values[i]) for label, values in columns)) for i in shown)
    return SliceTable(key, title, (title, *(label for label, _ in columns)), rows, len(found.name) - len(rows))


def _text(label: str, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if label in ("Materials", "Stable") else f"{value:.3f}".replace("-", "−")
