"""Molecules and ions put together at random: liquids in a periodic box, and free clusters.

Rigid molecules start at random places in random orientations; overlaps are then pushed away by minimising
`sum (d_ij - r_ij)^2` over contacts closer than `d_ij`, a share of the sum of the van der Waals radii. Cations count
with a smaller radius, since they sit closer to oxygen and fluorine than that. Equal seeds give equal structures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from matdisc.arrays import Floats
from matdisc.errors import DataError
from matdisc.physics.molecules.species import Species, species
from matdisc.units import GRAMS_PER_CM3

if TYPE_CHECKING:
    from ase import Atoms

CONTACT = 0.8
"""Share of the sum of van der Waals radii that two atoms of different molecules keep."""
MARGIN = 1.03
"""Overlaps are pushed a little further than is asked for, so that a minimum at the edge is good enough."""
CATION_RADII = {"Li": 0.95, "Na": 1.3, "K": 1.6}
"""Å: with CONTACT and oxygen these give 1.98, 2.26 and 2.50 Å, a little less than the distances in liquids."""
TRIES = 6


def liquid(
    counts: Mapping[str, int],
    density: float,
    *,
    seed: int,
    own: Mapping[str, Species] | None = None,
    contact: float = CONTACT,
) -> Atoms:
    """Return a cubic periodic box of molecules and ions.

    Molecules are whole (not cut at the box's faces) and lie in the order of `counts`; `arrays["molecule"]` numbers
    them from 0, and `info["charge"]` is 0.

    Args:
        counts: How many of each species, by name.
        density: g/cm^3.
        seed: Which of the random boxes.
        own: A user's species by name.
        contact: Least distance of atoms of different molecules (or of images), as a share of their van der Waals sum.

    Raises:
        DataError: If a species is unknown, the charges do not add up to zero, the box is too small to know an image
            from a neighbour, or no packing is found.
    """
    bodies, charge = _bodies(counts, own)
    if charge:
        raise DataError(f"{_text(counts)}: the charges add up to {charge:+d} e; a periodic box must be neutral")
    if not density > 0:
        raise DataError(f"density {density:g} is not positive; give it in g/cm^3, as in 1.2")
    edge = _edge(bodies, density)
    return _atoms(_packed(bodies, edge, True, contact, seed, f"{_text(counts)} at {density:g} g/cm^3"), charge, edge)


def cluster(
    counts: Mapping[str, int],
    *,
    seed: int,
    own: Mapping[str, Species] | None = None,
    density: float = 1.2,
    contact: float = CONTACT,
) -> Atoms:
    """Return molecules and ions in a ball, without a cell, about the coordinate origin.

    Args:
        counts, seed, own, contact: As for `liquid`; any total charge is allowed and stands in `info["charge"]`.
        density: Of the ball that holds all atoms (a soft wall), g/cm^3; higher is more compact.

    Raises:
        DataError: If a species is unknown or no packing is found.
    """
    bodies, charge = _bodies(counts, own)
    radius = _edge(bodies, density) * (3 / (4 * np.pi)) ** (1 / 3)
    return _atoms(_packed(bodies, radius, False, contact, seed, f"cluster of {_text(counts)}"), charge, None)


def closest_contact(atoms: Atoms) -> float:
    """Return the closest contact between molecules (and images): distance over van der Waals sum; inf if there is none.

    Contacts beyond the van der Waals sum are not looked for.
    """
    edge = float(atoms.cell[0, 0]) if atoms.pbc.any() else None
    pairs = _contacts(atoms.positions, atoms.arrays["molecule"], _radii(atoms.get_chemical_symbols()), edge)
    return float((pairs.distance / pairs.limit).min()) if len(pairs.distance) else np.inf


@dataclass(frozen=True, slots=True)
class _Contacts:
    """Pairs of atoms closer than their van der Waals sum: indices, vector from j to i, length, sum of radii (Å)."""

    i: NDArray[np.int64]
    j: NDArray[np.int64]
    vector: Floats
    distance: Floats
    limit: Floats


def _bodies(counts: Mapping[str, int], own: Mapping[str, Species] | None) -> tuple[list[Species], int]:
    wrong = {name: n for name, n in counts.items() if isinstance(n, bool) or not isinstance(n, int) or n < 0}
    if wrong or not sum(counts.values(), 0):
        raise DataError(f"counts of species must be whole numbers, at least one above 0: {wrong or dict(counts)}")
    bodies = [species(name, own) for name, n in counts.items() for _ in range(n)]
    return bodies, sum(body.charge for body in bodies)


def _text(counts: Mapping[str, int]) -> str:
    return " + ".join(f"{n} {name}" for name, n in counts.items() if n)


def _edge(bodies: list[Species], density: float) -> float:
    """Edge of the cube that holds the molecules at a density, Å."""
    return float((sum(body.mass for body in bodies) * GRAMS_PER_CM3 / density) ** (1 / 3))


def _radii(symbols: list[str] | tuple[str, ...]) -> Floats:
    from ase.data import atomic_numbers
    from ase.data.vdw import vdw_radii

    found = np.array([CATION_RADII.get(s, vdw_radii[atomic_numbers[s]]) for s in symbols])
    return np.where(np.isnan(found), 2.0, found)


def _packed(
    bodies: list[Species], size: float, periodic: bool, contact: float, seed: int, what: str
) -> tuple[list[Species], Floats]:
    """Bodies and positions of all atoms; `size` is the cube's edge or the ball's radius, Å."""
    radii = _radii([symbol for body in bodies for symbol in body.symbols])
    if periodic and size < 4 * radii.max() + 0.1:
        raise DataError(
            f"{what}: a box of {size:.1f} Å is too small to know an atom's neighbours from its images; "
            "give more molecules"
        )
    rng = np.random.default_rng(seed)
    molecule = np.repeat(np.arange(len(bodies)), [len(body) for body in bodies])
    best = 0.0
    for _ in range(TRIES):
        positions = _one_try(bodies, molecule, radii, size, periodic, contact * MARGIN, rng)
        pairs = _contacts(positions, molecule, radii, size if periodic else None)
        closest = float((pairs.distance / pairs.limit).min()) if len(pairs.distance) else np.inf
        if closest >= contact:
            return bodies, positions
        best = max(best, closest)
    raise DataError(
        f"{what}: no packing found in {TRIES} tries; the closest contact is {best:.2f} of the van der Waals distance "
        f"and should be {contact:g}; lower the density"
    )


def _one_try(
    bodies: list[Species],
    molecule: NDArray[np.int64],
    radii: Floats,
    size: float,
    periodic: bool,
    contact: float,
    rng: np.random.Generator,
) -> Floats:
    n = len(bodies)
    turned = np.concatenate([Rotation.from_quat(rng.normal(size=4)).apply(body.positions.copy()) for body in bodies])
    if periodic:
        centres = rng.uniform(0, size, (n, 3))
    else:
        outwards = rng.normal(size=(n, 3))
        outwards *= (0.7 * size * rng.uniform(size=n) ** (1 / 3) / np.linalg.norm(outwards, axis=1))[:, None]
        centres = outwards

    def place(x: Floats) -> tuple[Floats, Floats, Floats]:
        moves, turns = x.reshape(2, n, 3)
        arms = Rotation.from_rotvec(turns[molecule]).apply(turned)
        return arms, centres[molecule] + moves[molecule] + arms, turns

    def overlap(x: Floats) -> tuple[float, Floats]:
        arms, positions, turns = place(x)
        pairs = _contacts(positions, molecule, radii, size if periodic else None)
        depth = np.maximum(contact * pairs.limit - pairs.distance, 0.0)
        value, slope = float((depth**2).sum()), np.zeros_like(positions)
        push = (-2 * depth / np.maximum(pairs.distance, 1e-9))[:, None] * pairs.vector
        np.add.at(slope, pairs.i, push)
        np.add.at(slope, pairs.j, -push)
        if not periodic:
            far = np.linalg.norm(positions, axis=1)
            out = np.maximum(far - size, 0.0)
            value += 0.01 * float((out**2).sum())  # a wall much softer than the molecules
            slope += (0.02 * out / np.maximum(far, 1e-9))[:, None] * positions
        moment = np.cross(arms, slope)
        by_move, moments = np.zeros((n, 3)), np.zeros((n, 3))
        np.add.at(by_move, molecule, slope)
        np.add.at(moments, molecule, moment)
        by_turn = np.einsum("nba,nb->na", _left_jacobian(turns), moments)
        return value, np.concatenate([by_move, by_turn]).ravel()

    found = minimize(overlap, np.zeros(6 * n), jac=True, method="L-BFGS-B", options={"maxiter": 1500, "ftol": 1e-15})
    positions = place(found.x)[1]
    if periodic:  # whole molecules whose first atom lies in the box
        first = np.searchsorted(molecule, np.arange(n))
        positions = positions - (np.floor(positions[first] / size) * size)[molecule]
    return positions


def _left_jacobian(turns: Floats) -> Floats:
    """How a rotation R(w) turns with w: dR = [J dw]x R; shape (n, 3, 3) for rotation vectors of shape (n, 3)."""
    angle = np.linalg.norm(turns, axis=1)
    safe = np.where(angle > 1e-6, angle, 1.0)
    axis = turns / safe[:, None]
    sine = np.where(angle > 1e-6, np.sin(safe) / safe, 1.0)[:, None, None]
    cosine = np.where(angle > 1e-6, (1 - np.cos(safe)) / safe, 0.0)[:, None, None]
    a, b, c = axis.T
    zero = np.zeros_like(a)
    cross = np.stack([np.stack([zero, -c, b], 1), np.stack([c, zero, -a], 1), np.stack([-b, a, zero], 1)], 1)
    return sine * np.eye(3) + (1 - sine) * axis[:, :, None] * axis[:, None, :] + cosine * cross


def _contacts(positions: Floats, molecule: NDArray[Any], radii: Floats, edge: float | None) -> _Contacts:
    """Atoms of different molecules, or an atom and an image of its own molecule, closer than their radii's sum."""
    reach = 2 * float(radii.max())
    if edge is None:
        pairs = cKDTree(positions).query_pairs(reach, output_type="ndarray")
    else:
        inside = np.mod(positions, edge)
        inside[inside >= edge] = 0.0  # np.mod rounds tiny negative numbers up to the edge
        pairs = cKDTree(inside, boxsize=edge).query_pairs(reach, output_type="ndarray")
    i, j = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))].T if len(pairs) else np.zeros((2, 0), int)
    direct = positions[i] - positions[j]
    vector = direct if edge is None else direct - edge * np.round(direct / edge)
    distance = np.linalg.norm(vector, axis=1)
    limit = radii[i] + radii[j]
    image = (np.abs(vector - direct) > 1e-6).any(axis=1)
    keep = (distance < limit) & ((molecule[i] != molecule[j]) | image)
    return _Contacts(i[keep], j[keep], vector[keep], distance[keep], limit[keep])


def _atoms(packed: tuple[list[Species], Floats], charge: int, edge: float | None) -> Atoms:
    from ase import Atoms

    bodies, positions = packed
    symbols = [symbol for body in bodies for symbol in body.symbols]
    atoms = Atoms(symbols, positions, cell=None if edge is None else [edge] * 3, pbc=edge is not None)
    atoms.info["charge"] = float(charge)
    atoms.set_array("molecule", np.repeat(np.arange(len(bodies)), [len(body) for body in bodies]))
    return atoms
