"""Elastic tensors of crystals from the stresses of strained cells, with ions relaxed and with ions clamped.

Voigt order throughout: xx yy zz yz xz xy, shear strains twice the tensor's component, as in Nye's book.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matdisc.arrays import Floats
from matdisc.elements import ELEMENTS
from matdisc.physics.evaluation import Evaluation, Steps, side_by_side
from matdisc.physics.relaxation.relax import RelaxationResult, relaxation
from matdisc.protocols import Protocol
from matdisc.schema import Crystal
from matdisc.units import GIGAPASCALS

if TYPE_CHECKING:
    from collections.abc import Sequence

MAGNITUDES = (-0.01, -0.005, 0.005, 0.01)
"""Of each type of strain; symmetric about zero, so that the second order of the stress does not enter the slope."""
TIGHT = Protocol("elasticity", "positions, and the cell before it is strained", fmax=0.001, max_steps=500, fast=True)
"""Ions under such strains feel a few 0.01 eV/Å, and of what a looser limit leaves in the cell (0.3 GPa at 0.05 eV/Å)
some potentials make several per cent of the bulk modulus."""
SYMPREC = 0.01
"""Tolerance in Å at which the symmetry of a crystal is looked for."""
REACHED = 0.05
"""Share of a unit strain that the images of others must have along it, or it is strained too."""
_PAIRS = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


@dataclass(frozen=True, slots=True)
class ElasticResponse:
    """What a crystal does under strain.

    Attributes:
        relaxed: Elastic tensor with relaxed ions, GPa, shape (6, 6), symmetric.
        clamped: The same with ions that follow the cell.
        unexplained: Share of the stresses' variance, with relaxed ions, that the tensor leaves unexplained.
        converged: Whether the ions of all strained cells came to rest.
        fmax: Largest force left on one of them, eV/Å.
        steps: Steps of their relaxations, added up.
        n_cells: Number of strained cells.
    """

    relaxed: Floats
    clamped: Floats
    unexplained: float
    converged: bool
    fmax: float
    steps: int
    n_cells: int


@dataclass(frozen=True, slots=True)
class Moduli:
    """Averages of an elastic tensor over all orientations, GPa: Voigt's, Reuss's and Hill's mean of them.

    Attributes:
        anisotropy: Universal anisotropy index of Ranganathan and Ostoja-Starzewski, 0 for an isotropic crystal.
        smallest: Smallest eigenvalue of the tensor in Voigt's notation, GPa: not positive if the crystal is unstable.
    """

    bulk: float
    shear: float
    bulk_voigt: float
    bulk_reuss: float
    shear_voigt: float
    shear_reuss: float
    anisotropy: float
    smallest: float


def elastic_response(crystal: Crystal, *, ions: Protocol = TIGHT, use_symmetry: bool = True) -> Steps[ElasticResponse]:
    """Strain a relaxed crystal in as few ways as its symmetry allows, all at once, and fit its elastic tensors.

    Args:
        crystal: A crystal at its minimum; stress that is left is fitted along with the slope.
        ions: How the atoms of strained cells are relaxed.
        use_symmetry: Whether strains are left out that symmetry maps onto others.

    Raises:
        ValueError: If the potential gives no stress.
    """
    operations = rotations(crystal) if use_symmetry else np.eye(3)[None]
    strains = np.concatenate([m * np.stack(strain_types(operations)) for m in MAGNITUDES])
    works = [relaxation(strained(crystal, strain), ions, fixed_cell=True) for strain in strains]
    ends: list[RelaxationResult] = yield from side_by_side(works)
    relaxed, unexplained = fitted(strains, stresses([end.last for end in ends]), operations)
    clamped, _ = fitted(strains, stresses([end.first for end in ends]), operations)
    return ElasticResponse(
        relaxed=relaxed,
        clamped=clamped,
        unexplained=unexplained,
        converged=all(end.converged for end in ends),
        fmax=max(end.fmax for end in ends),
        steps=sum(end.steps for end in ends),
        n_cells=len(ends),
    )


def rotations(crystal: Crystal, symprec: float = SYMPREC) -> Floats:
    """Return the rotations of a crystal's point group, Cartesian, shape (n, 3, 3); the identity if none is found."""
    import moyopy

    logging.getLogger("moyo").setLevel(logging.ERROR)  # a note about supercells
    cell, known = np.array(crystal.cell), ELEMENTS.split()
    numbers = [known.index(symbol) + 1 for symbol in crystal.symbols]
    positions = [list(place) for place in crystal.positions]
    try:
        found = moyopy.MoyoDataset(moyopy.Cell(cell.tolist(), positions, numbers), symprec=symprec)
    except ValueError:  # overlapping atoms, a flat cell
        return np.eye(3)[None]
    fractional = np.unique(np.array(found.operations.rotations, float), axis=0)
    left, _, right = np.linalg.svd(cell.T @ fractional @ np.linalg.inv(cell.T))  # a cell is symmetric up to symprec
    return np.asarray(left @ right)


def strain_types(operations: Floats) -> list[Floats]:
    """Return those of the six unit strains, shape (3, 3) each, whose images under the rotations make up all strains."""
    units = [to_tensor(row) for row in np.eye(6)]
    chosen: list[Floats] = []
    share = np.zeros((6, 6))
    for unit in units:
        values, vectors = np.linalg.eigh(share)
        direction = _kelvin(unit)
        beyond = direction - vectors[:, values > REACHED] @ (vectors[:, values > REACHED].T @ direction)
        if np.linalg.norm(beyond) > 1e-6:
            chosen.append(unit)
            images = _kelvin(turned(unit[None], operations))
            share += images.T @ images / (len(images) * (direction @ direction))
    return chosen


def strained(crystal: Crystal, strain: Floats) -> Crystal:
    """Return a crystal whose cell is deformed by 1 + strain (symmetric, shape (3, 3)); atoms follow."""
    rows = np.array(crystal.cell) @ (np.eye(3) + strain)
    cell = tuple(tuple(row) for row in rows.tolist())
    return Crystal(crystal.symbols, crystal.positions, cell)  # type: ignore[arg-type]


def stresses(found: Sequence[Evaluation]) -> Floats:
    """Return stresses as tensors in GPa, shape (n, 3, 3).

    Raises:
        ValueError: If there is none.
    """
    if any(one.stress is None for one in found):
        raise ValueError("the potential gives no stress, from which elastic tensors follow; use one that gives it")
    return to_tensor(np.stack([one.stress for one in found if one.stress is not None])) * GIGAPASCALS


def fitted(strains: Floats, stresses: Floats, operations: Floats) -> tuple[Floats, float]:
    """Return the elastic tensor in the stresses' unit, shape (6, 6), and the share of their variance beyond it.

    Least squares over all images of the strains: stress = C strain + rest. The symmetric part of C is taken.

    Args:
        strains: Shape (n, 3, 3), dimensionless.
        stresses: Of the same shape.
        operations: Rotations of the point group, shape (n_operations, 3, 3).
    """
    left = to_voigt(turned(strains, operations)) * [1, 1, 1, 2, 2, 2]
    right = to_voigt(turned(stresses, operations))
    slopes = np.linalg.lstsq(np.column_stack([left, np.ones(len(left))]), right)[0][:6]
    tensor = (slopes + slopes.T) / 2
    beyond = right - left @ tensor
    variance = right.var(axis=0).sum()
    return np.asarray(tensor), float(beyond.var(axis=0).sum() / variance) if variance else 0.0


def moduli(tensor: Floats) -> Moduli:
    """Return the averages of an elastic tensor, shape (6, 6), GPa.

    Raises:
        ArithmeticError: If it has no inverse.
    """
    try:
        inverse = np.linalg.inv(tensor)
    except np.linalg.LinAlgError as err:
        raise ArithmeticError("the elastic tensor has no inverse: some strain takes no stress at all") from err
    (diagonal, mixed, sheared), (s_diagonal, s_mixed, s_sheared) = _sums(tensor), _sums(np.asarray(inverse))
    with np.errstate(divide="ignore"):
        bulk = np.array([(diagonal + 2 * mixed) / 9, 1 / np.float64(s_diagonal + 2 * s_mixed)])
        soft = np.float64(4 * (s_diagonal - s_mixed) + 3 * s_sheared)
        shear = np.array([(diagonal - mixed + 3 * sheared) / 15, 15 / soft])
        anisotropy = 5 * shear[0] / shear[1] + bulk[0] / bulk[1] - 6
    smallest = np.linalg.eigvalsh(tensor)[0]
    numbers = bulk.mean(), shear.mean(), *bulk, *shear, anisotropy, smallest
    return Moduli(*(float(number) for number in numbers))


def to_tensor(voigt: Floats) -> Floats:
    """Return symmetric tensors, shape (..., 3, 3), of their components xx yy zz yz xz xy, nothing halved."""
    return np.asarray(voigt)[..., [[0, 5, 4], [5, 1, 3], [4, 3, 2]]]


def to_voigt(tensors: Floats) -> Floats:
    """Return the components xx yy zz yz xz xy of symmetric tensors, nothing doubled."""
    rows, columns = zip(*_PAIRS, strict=True)
    return np.asarray(tensors)[..., rows, columns]


def turned(tensors: Floats, operations: Floats) -> Floats:
    """Return all images of tensors, shape (n, 3, 3), under rotations, shape (n_operations * n, 3, 3)."""
    images = np.einsum("rij,njk,rlk->rnil", operations, tensors, operations)
    return np.asarray(images.reshape(-1, 3, 3))


def _kelvin(tensors: Floats) -> Floats:
    """Components in an orthonormal basis, in which turning a tensor keeps its length."""
    return to_voigt(tensors) * np.sqrt([1, 1, 1, 2, 2, 2])


def _sums(tensor: Floats) -> tuple[float, float, float]:
    """11 + 22 + 33, 12 + 13 + 23, and 44 + 55 + 66."""
    block = tensor[:3, :3]
    return float(np.trace(block)), float((block.sum() - np.trace(block)) / 2), float(np.trace(tensor[3:, 3:]))
