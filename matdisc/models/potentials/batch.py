"""An ASE calculator around a function that evaluates many structures at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from matdisc.physics.evaluation import Evaluation

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

EvaluateMany = Callable[[Sequence["Atoms"]], list[Evaluation]]


def calculator_of(evaluate: EvaluateMany, batch_atoms: int) -> Calculator:
    """Return an ASE calculator (eV, eV/Å, eV/Å^3) that also keeps `matdisc.physics.evaluation.BatchCalculator`.

    Args:
        evaluate: Structures to one evaluation each, in order.
        batch_atoms: Atoms that one call should hold at most.
    """
    from ase.calculators.calculator import Calculator, all_changes

    class _BatchCalculator(Calculator):
        implemented_properties = ("energy", "free_energy", "forces", "stress")

        def __init__(self) -> None:
            super().__init__()
            self.batch_atoms = batch_atoms

        def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
            super().calculate(atoms, properties, system_changes)
            (found,) = evaluate([self.atoms])
            self.results = {
                "energy": found.energy,
                "free_energy": found.energy,
                "forces": found.forces,
                "stress": found.stress,
            }

        def evaluate_many(self, structures: Sequence[Atoms]) -> list[Evaluation]:
            return evaluate(structures)

    return _BatchCalculator()
