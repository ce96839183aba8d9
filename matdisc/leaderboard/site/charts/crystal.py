"""A picture of a crystal: its cell, its atoms from the back to the front, and which colour is which element."""

from __future__ import annotations

import colorsys
from collections import Counter
from collections.abc import Sequence
from functools import cache, reduce
from math import cos, gcd, radians, sin

import numpy as np
from markupsafe import Markup

from matdisc.arrays import Floats, Ints
from matdisc.leaderboard.site.tables.periodic import SYMBOLS

SIZE, MARGIN = 160, 6
"""Side of the square that holds the drawing, and what is left free at each side, in px."""
LINE, IN_A_LINE = 21, 4
"""Height of a line of the legend, and how many elements stand in one."""
AZIMUTH, ELEVATION = radians(20), radians(12)
"""How far the eye is turned from the first axis: around the third one, and above the plane of the other two."""
CLOSEST = 30.0
"""Pixels to an ångström at most, so that a lone atom does not fill the square."""
BALL = 0.45
"""Radius of an atom in the drawing over its covalent radius."""
FACE = 0.005
"""Atoms within this fraction of a face are drawn on the opposite face too."""
MOST_ATOMS, MOST_BONDS = 72, 60
"""Above these numbers no copies on opposite faces, or no bonds, are drawn."""
BOND = 1.12
"""Atoms are joined up to this multiple of the sum of their covalent radii."""
NON_METALS = "H He B C N O F Ne Si P S Cl Ar Ge As Se Br Kr Sb Te I Xe At Rn"
"""At least one of two joined atoms is one of these."""
COLOURS = {"H": "#c9ced1", "C": "#5d666b", "N": "#4a72d8", "O": "#d8443c", "F": "#7fc24a", "S": "#d9b92e",
           "P": "#d97a2b", "Cl": "#3fae5a", "Br": "#9c5138", "I": "#8a4fa8", "Si": "#b59a6c",
           "Na": "#d9962e", "Ti": "#7d90a8"}  # fmt: skip
"""Non-metals as chemists know them, and two metals that would look like oxygen; others follow from their number."""
TURN, FIRST = 163.0, 9.0
"""Degrees of hue from one atomic number to the next, chosen so that common compounds have distinct colours."""
UNKNOWN = "#8f979b"


def crystal_svg(
    cell: Sequence[Sequence[float]] | None, symbols: Sequence[str], positions: Sequence[Sequence[float]], name: str = ""
) -> Markup:
    """Return a structure as an SVG of 160 px: first axis towards the reader, second to the right, third up, all turned.

    Args:
        cell: Lattice vectors as rows, shape (3, 3), Å. None, or one without volume, means a molecule.
        symbols: Chemical symbols, n_atoms of them; a name that is no element is grey.
        positions: Shape (n_atoms, 3): fractional, or Cartesian in Å for a molecule.
        name: What it is called for those who do not see it; default: its formula.

    Raises:
        ValueError: If there is no atom, or the shapes are others.
    """
    places = np.asarray(positions, float)
    if not len(symbols) or places.shape != (len(symbols), 3):
        raise ValueError(f"positions have the shape {places.shape}, expected ({len(symbols)}, 3) with at least one row")
    lattice = _lattice(cell)
    kinds = np.arange(len(symbols))
    if lattice is not None:
        places, kinds = _with_copies(places)
        places = places @ lattice
    drawn = [symbols[int(i)] for i in kinds]
    radii = np.array([_radius(symbol) for symbol in drawn])
    frame = _molecule_frame(places) if lattice is None else _crystal_frame(lattice)
    corners = np.empty((0, 3)) if lattice is None else _corners() @ lattice @ frame.T
    seen = places @ frame.T
    scale, shift = _fit(seen, BALL * radii, corners)
    at = seen[:, :2] * (scale, -scale) + shift
    order = np.argsort(seen[:, 2], kind="stable")
    atoms = "".join(
        f'<circle fill="{_colour(drawn[i])}" cx="{_px(at[i, 0])}" cy="{_px(at[i, 1])}" '
        f'r="{_px(max(BALL * radii[i] * scale, 1.5))}"/>'
        for i in order
    )
    elements = list(dict.fromkeys(symbols))
    height = SIZE + LINE * -(-len(elements) // IN_A_LINE)
    n, inside = len(symbols), "" if lattice is None else " in the unit cell"
    label = f"{name or _formula(symbols, reduced=lattice is not None)}, {n} atom{'s' if n != 1 else ''}{inside}"
    return Markup(  # names are escaped, all else is numbers
        f'<svg class="crystal" viewBox="0 0 {SIZE} {height}" width="{SIZE}" height="{height}" role="img" '
        f'aria-label="{Markup.escape(label)}">'
        f'<g fill="none" stroke="currentColor">{_edges(corners, scale, shift)}{_bonds(places, at, drawn, radii)}</g>'
        f'<g stroke="currentColor" stroke-width=".8" stroke-opacity=".55">{atoms}</g>{_legend(elements)}</svg>'
    )


def _lattice(cell: Sequence[Sequence[float]] | None) -> Floats | None:
    """The lattice vectors, None for a molecule."""
    if cell is None:
        return None
    lattice = np.asarray(cell, float)
    if lattice.shape != (3, 3):
        raise ValueError(f"the cell has the shape {lattice.shape}, expected (3, 3)")
    return lattice if abs(np.linalg.det(lattice)) > 1e-6 else None


def _with_copies(fractional: Floats) -> tuple[Floats, Ints]:
    """Atoms moved into the cell, with copies on opposite faces; and for each the number of its atom."""
    inside = fractional - np.floor(fractional + FACE)
    kinds = np.arange(len(inside))
    copies, sources = inside, kinds
    for axis in range(3):
        on_face = copies[:, axis] < FACE
        moved = copies[on_face] + np.eye(3)[axis]
        copies, sources = np.vstack([copies, moved]), np.concatenate([sources, sources[on_face]])
    return (inside, kinds) if len(copies) > MOST_ATOMS else (copies, sources)


def _crystal_frame(lattice: Floats) -> Floats:
    """Rows: to the right, up, and towards the reader."""
    up = lattice[2] / np.linalg.norm(lattice[2])
    front = lattice[0] - (lattice[0] @ up) * up
    front /= np.linalg.norm(front)
    right = np.cross(up, front)
    eye = cos(AZIMUTH) * front + sin(AZIMUTH) * right
    return np.array(
        [
            cos(AZIMUTH) * right - sin(AZIMUTH) * front,
            cos(ELEVATION) * up - sin(ELEVATION) * eye,
            cos(ELEVATION) * eye + sin(ELEVATION) * up,
        ]
    )


def _molecule_frame(places: Floats) -> Floats:
    """The same for a molecule: its longest direction to the right, its flattest towards the reader."""
    rows = np.linalg.svd(places - places.mean(axis=0))[2]
    signs = np.sign(rows[np.arange(3), np.abs(rows).argmax(axis=1)])
    frame: Floats = rows * signs[:, None]  # the sign of a direction is arbitrary, the picture must not be
    return frame


def _corners() -> Floats:
    return np.array([(i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1)], float)


def _fit(seen: Floats, radii: Floats, corners: Floats) -> tuple[float, Floats]:
    """Scale in px/Å, and the shift that puts the drawing into the middle of its square."""
    points = seen[:, :2]
    low = np.vstack([points - radii[:, None], corners[:, :2]]).min(axis=0)
    high = np.vstack([points + radii[:, None], corners[:, :2]]).max(axis=0)
    scale = min((SIZE - 2 * MARGIN) / float((high - low).max()), CLOSEST)
    middle = (low + high) / 2
    return scale, np.array([SIZE / 2 - scale * middle[0], SIZE / 2 + scale * middle[1]])


def _edges(corners: Floats, scale: float, shift: Floats) -> str:
    """The twelve edges of the cell; the three that meet at the corner farthest away are dashed."""
    if not len(corners):
        return ""
    at = corners[:, :2] * (scale, -scale) + shift
    back = int(corners[:, 2].argmin())
    pairs = [(i, i | bit) for i in range(8) for bit in (1, 2, 4) if not i & bit]
    near, far = (
        "".join(_segment(at[i], at[j]) for i, j in pairs if (back in (i, j)) == hidden) for hidden in (False, True)
    )
    return f'<path stroke-opacity=".5" d="{near}"/><path stroke-opacity=".5" stroke-dasharray="2 3" d="{far}"/>'


def _bonds(places: Floats, at: Floats, symbols: Sequence[str], radii: Floats) -> str:
    """Lines between neighbours of which one at least is no metal; nothing where they would cover the drawing."""
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    joining = NON_METALS.split()
    bound = np.array([symbol in joining for symbol in symbols])
    close = (apart < BOND * (radii[:, None] + radii[None])) & (apart > 0.3) & (bound[:, None] | bound[None])
    pairs = np.argwhere(np.triu(close, 1))
    if not 0 < len(pairs) <= MOST_BONDS:
        return ""
    lines = "".join(_segment(at[i], at[j]) for i, j in pairs)
    return f'<path stroke-width="2.5" stroke-opacity=".35" d="{lines}"/>'


def _legend(elements: Sequence[str]) -> str:
    step = (SIZE - 2 * MARGIN) / IN_A_LINE
    entries = []
    for i, symbol in enumerate(elements):
        x, y = MARGIN + 5 + step * (i % IN_A_LINE), SIZE + LINE * (i // IN_A_LINE) + 10
        entries.append(
            f'<circle fill="{_colour(symbol)}" cx="{_px(x)}" cy="{y}" r="5"/>'
            f'<text x="{_px(x + 8)}" y="{y + 5}">{Markup.escape(symbol[:3])}</text>'
        )
    return f'<g font-size="13" fill="currentColor">{"".join(entries)}</g>'


@cache
def _colour(symbol: str) -> str:
    """A colour of middle lightness, for both themes; neighbours in the periodic table are far apart in hue."""
    if symbol in COLOURS or symbol not in SYMBOLS:
        return COLOURS.get(symbol, UNKNOWN)
    number = 1 + SYMBOLS.index(symbol)
    hue = (FIRST + number * TURN) % 360 / 360
    rgb = colorsys.hls_to_rgb(hue, 0.58 - 0.06 * (number % 3), 0.42 + 0.1 * (number % 2))
    return "#" + "".join(f"{round(255 * part):02x}" for part in rgb)


@cache
def _radius(symbol: str) -> float:
    """Covalent radius in Å; 1.5 where none is known."""
    from ase.data import atomic_numbers, covalent_radii

    number = atomic_numbers.get(symbol, 0)
    return float(covalent_radii[number]) if 0 < number <= 96 else 1.5


def _formula(symbols: Sequence[str], *, reduced: bool) -> str:
    """The formula, elements in the order of the file; that of a crystal is reduced."""
    counts = Counter(symbols)
    unit = reduce(gcd, counts.values()) if reduced else 1
    return "".join(f"{symbol}{n // unit if n > unit else ''}" for symbol, n in counts.items())


def _segment(start: Floats, stop: Floats) -> str:
    return f"M{_px(start[0])} {_px(start[1])}L{_px(stop[0])} {_px(stop[1])}"


def _px(value: float) -> str:
    return f"{round(float(value), 1):g}"
