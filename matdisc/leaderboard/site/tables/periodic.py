"""Elements in their places: the periodic table as cells with one coloured number each."""

from __future__ import annotations

from dataclasses import dataclass

from matdisc.leaderboard.site.tables.format import format_number
from matdisc.leaderboard.site.tables.ranks import heat_levels
from matdisc.scoring.figures import Table

_IN_ORDER = (
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb "
    "Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au "
    "Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts "
    "Og"
)
SYMBOLS = tuple(_IN_ORDER.split())
"""Elements by atomic number."""
HEADS = ("1", "2", "3", "4", "5", "6", "7", "La", "Ac")
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
    """Rows of 18 cells, each with its heading; None is a gap. Names that are no elements are counted."""

    rows: tuple[tuple[str, tuple[Element | None, ...]], ...]
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


def periodic(table: Table) -> Periodic | None:
    """Return the second column of a table of elements in their places, shaded by order; None without any number.

    Higher numbers are darker: amber where they are bad, of the common hue where they are good.
    """
    values = [row[1] if isinstance(row[1], float | int) else None for row in table.rows]
    if all(value is None for value in values):
        return None
    grid: list[list[Element | None]] = [[None] * 18 for _ in HEADS]
    for number, symbol in enumerate(SYMBOLS, 1):
        row, column = place(number)
        grid[row][column] = Element(symbol)
    grid[5][2], grid[6][2] = Element("57–71"), Element("89–103")
    numbers = {symbol: number for number, symbol in enumerate(SYMBOLS, 1)}
    hue = "a" if table.better == "lower" else "h"
    left_out = 0
    for cells, value, level in zip(table.rows, values, heat_levels(values, "higher"), strict=True):
        name = str(cells[0])
        if name not in numbers:
            left_out += 1
            continue
        title = f"{name}: {table.head[1]} {format_number(value)}"
        if len(cells) > 2:
            title += f"; {table.head[2].lower()} {format_number(cells[2])}"  # type: ignore[arg-type]
        text = "–" if value is None else f"{value:.{1 if abs(value) >= 10 else 2}f}"
        shade = MIDDLE if level is None else level  # equal values are shaded alike, unlike unknown ones
        row, column = place(numbers[name])
        grid[row][column] = Element(name, text, title, "" if value is None else f"{hue}{shade}")
    return Periodic(tuple(zip(HEADS, map(tuple, grid), strict=True)), left_out)
