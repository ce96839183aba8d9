"""What a potential says of an ABX3 formula: the energy of its cubic perovskite, in the better of the two orderings.

Nothing is learned, so every fold gets the same answer. Tilted and other structures are not looked at: where the
potential is right, the answer is an upper bound on the energy of the ground state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING

from matdisc.datasets.csv_rows import read_rows
from matdisc.datasets.prototypes import perovskite
from matdisc.formats.atoms import to_atoms
from matdisc.models.load import Answer, Predictor, Question
from matdisc.physics.drivers import run_batched
from matdisc.physics.evaluation import Steps
from matdisc.physics.formation import formation_energy_per_atom
from matdisc.schema import Sample, Unsupported

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator

Compound = tuple[str, str, str]
"""Elements of ABX3, A first."""
MODELS = ("chgnet-0.3.0", "chgnet-0.2.0")
"""Potentials whose energies carry the MP2020 corrections: references of the Materials Project belong to them."""
STEP = 1.03
"""From one edge to the next."""
ASIDE = 2
"""Edges on each side of the lowest one; all five are fitted."""
FARTHEST = 10
"""Steps from the estimate at which the search for a minimum ends: about a third shorter, or longer."""


@cache
def cubic(model: str = "chgnet-0.3.0") -> Predictor:
    """Return a predictor of `e_form_per_atom`, eV/atom, against the elements of the Materials Project.

    A process has one for each model, and it answers a formula once.

    Raises:
        ValueError: If the model is none of `MODELS`.
    """
    if model not in MODELS:
        raise ValueError(f"model is {model!r}; allowed: {', '.join(MODELS)}")
    from matdisc.models.potentials.chgnet import load

    return cubic_by(load(model.removeprefix("chgnet-")), mp_references())


def cubic_by(calculator: Calculator, references: Mapping[str, float]) -> Predictor:
    """Return a predictor of `e_form_per_atom` by a calculator; it answers a formula once.

    Refused are formulas with an element that has no reference or that the calculator does not know, and those that
    have a minimum in neither ordering.

    Args:
        calculator: Energies in eV.
        references: Energy of each element, eV/atom, on the scale of the calculator.
    """
    known: dict[Compound, Answer] = {}

    def answers(train: Sequence[Sample], test: Sequence[Sample], question: Question) -> Sequence[Answer]:
        asked = [_compound(sample) for sample in test]
        known.update(_answers({one for one in asked if one not in known}, calculator, references))
        return [known[one] for one in asked]

    return answers


def lowest_energy(a: str, b: str, x: str) -> Steps[float]:
    """Find the energy of cubic ABX3 at its best edge, eV for the five atoms.

    Edges 3 % apart are tried downhill from `edge_of` until the lowest has two higher ones on each side. Through these
    five goes a polynomial of third order in 1/a (Alchagirov et al., Phys. Rev. B 63, 224115 (2001); ASE's `sj`); with
    CHGNet its minimum is right to some 2 meV/atom.

    Raises:
        ValueError: If there is no minimum within `FARTHEST` steps.
    """
    from ase.eos import EquationOfState

    start, energies, middle = edge_of(a, b, x), dict[int, float](), 0
    while abs(middle) <= FARTHEST:
        window = range(middle - ASIDE, middle + ASIDE + 1)
        for step in window:
            if step not in energies:
                energies[step] = (yield to_atoms(perovskite(a, b, x, start * STEP**step))).energy
        lowest = min(window, key=energies.__getitem__)
        if lowest == middle:
            volumes = [(start * STEP**step) ** 3 for step in window]
            return float(EquationOfState(volumes, [energies[step] for step in window], eos="sj").fit()[1])
        middle = lowest
    ends = sorted((start, start * STEP**middle))
    raise ValueError(f"cubic {a}{b}{x}3 has no minimum between edges of {ends[0]:.2f} and {ends[1]:.2f} Å")


def edge_of(a: str, b: str, x: str) -> float:
    """Return an estimate of the edge of a cubic perovskite, Å: the larger one of A touching X and B touching X.

    By covalent radii (Cordero et al., Dalton Trans. 2832 (2008)). For the 1,367 cubic cells of the Materials Project it
    is 6 % too large in the mean, with a deviation of 9 %; ionic radii deviate by 18 %, as many cells are metallic. From
    a large cell the search meets the outermost minimum first, and not one of squeezed atoms, where potentials have
    seen nothing.
    """
    from ase.data import atomic_numbers, covalent_radii

    r_a, r_b, r_x = (float(covalent_radii[atomic_numbers[symbol]]) for symbol in (a, b, x))
    return max(sqrt(2) * (r_a + r_x), 2 * (r_b + r_x))


def mp_references() -> dict[str, float]:
    """Return the energies of 89 elements in the Materials Project, eV/atom: its reference entries of 2023-02-07."""
    rows = read_rows(Path(__file__).with_name("mp_references.csv"), ("element", "energy_per_atom"))
    return {row.text("element"): row.number("energy_per_atom") for row in rows}


def _answers(
    asked: Iterable[Compound], calculator: Calculator, references: Mapping[str, float]
) -> dict[Compound, Answer]:
    found: dict[Compound, Answer] = {}
    for one in asked:
        if missing := sorted(set(one) - set(references)):
            found[one] = Unsupported(f"no reference energy of {', '.join(missing)}")
    orderings = [(one, sites) for one in sorted(set(asked) - set(found)) for sites in (one, (one[1], one[0], one[2]))]
    best: dict[Compound, float] = {}
    for ended in run_batched(((key, lowest_energy(*key[1])) for key in orderings), calculator):
        one = ended.key[0]
        if ended.value is not None:
            best[one] = min(ended.value, best.get(one, ended.value))
        elif isinstance(ended.error, (ValueError, ArithmeticError)):
            found[one] = Unsupported(str(ended.error))
        elif ended.error is not None:
            raise ended.error
    for (a, b, x), energy in best.items():
        e_form = formation_energy_per_atom(energy, {a: 1, b: 1, x: 3}, references.__getitem__)
        found[a, b, x] = {"e_form_per_atom": e_form}
    return found


def _compound(sample: Sample) -> Compound:
    sites = sample.inputs["sites"]
    return sites["A"], sites["B"], sites["X"]
