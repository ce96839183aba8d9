"""An ASE calculator around a function that evaluates many structures at once, in batches that fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from matdisc.physics.evaluation import Evaluation

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

EvaluateMany = Callable[[Sequence["Atoms"]], list[Evaluation]]
T = TypeVar("T")

FIRST, MOST = 256, 16384
"""Atoms of the first batch on a GPU, from which memory is measured, and of the largest."""
SHARE = 0.5
"""Of a GPU's free memory that a batch may take: crystals differ in their neighbours, and memory is in pieces."""


def batch_atoms(device: str, on_cpu: int, bytes_an_atom: float = 0.0, free: int = 0) -> int:
    """Return how many atoms one call should hold.

    Args:
        device: Torch device.
        on_cpu: What was measured to be fastest on a CPU, and the answer there.
        bytes_an_atom: Memory that a batch took on the GPU for each of its atoms; 0 before the first one.
        free: Bytes of the GPU that are free.
    """
    if not device.startswith("cuda"):
        return on_cpu
    return min(MOST, max(1, int(SHARE * free / bytes_an_atom))) if bytes_an_atom else FIRST


class Batches(Generic[T]):
    """Evaluates structures together, and in two halves where memory does not suffice for all.

    Attributes:
        atoms: Atoms that one call should hold at most; it follows what earlier calls have taken.
    """

    def __init__(self, evaluate: Callable[[Sequence[Atoms]], list[T]], on_cpu: int, device: str = "cpu") -> None:
        """Take a function from structures to one answer each, in order, and the best size on a CPU."""
        self.evaluate, self.on_cpu, self.device = evaluate, on_cpu, device
        self.atoms = batch_atoms(device, on_cpu)
        self.bytes_an_atom = 0.0
        self.limit = MOST

    def __call__(self, structures: Sequence[Atoms]) -> list[T]:
        """Return one answer for each structure, in order; raises the error of a single one that does not fit."""
        n_atoms = sum(len(atoms) for atoms in structures)
        try:
            found = self._measured(structures, n_atoms)
        except (MemoryError, RuntimeError) as err:
            if len(structures) == 1 or not _out_of_memory(err):
                raise
        else:
            return found
        if self.device.startswith("cuda"):
            import torch

            torch.cuda.empty_cache()
        self.limit = max(1, min(self.limit, n_atoms // 2))  # the next call does not run into it again
        self.atoms = min(self.atoms, self.limit)
        half = len(structures) // 2
        return [*self(structures[:half]), *self(structures[half:])]

    def _measured(self, structures: Sequence[Atoms], n_atoms: int) -> list[T]:
        """Evaluate, and on a GPU set the size of batches by the most memory an atom has taken so far."""
        if not self.device.startswith("cuda"):
            return self.evaluate(structures)
        import torch

        before = torch.cuda.memory_allocated(self.device)
        torch.cuda.reset_peak_memory_stats(self.device)
        found = self.evaluate(structures)
        taken = torch.cuda.max_memory_allocated(self.device) - before
        self.bytes_an_atom = max(self.bytes_an_atom, taken / max(1, n_atoms))
        kept = torch.cuda.memory_reserved(self.device) - torch.cuda.memory_allocated(self.device)
        free = torch.cuda.mem_get_info(self.device)[0] + kept
        self.atoms = min(self.limit, batch_atoms(self.device, self.on_cpu, self.bytes_an_atom, free))
        return found


def _out_of_memory(err: BaseException) -> bool:
    """Return whether an error says so: torch has a class for GPUs, and words only for the CPU."""
    return isinstance(err, MemoryError) or type(err).__name__ == "OutOfMemoryError" or "allocate memory" in str(err)


def calculator_of(evaluate: EvaluateMany, batch_atoms: int, device: str = "cpu") -> Calculator:
    """Return an ASE calculator (eV, eV/Å, eV/Å^3) that also keeps `matdisc.physics.evaluation.BatchCalculator`.

    Args:
        evaluate: Structures to one evaluation each, in order.
        batch_atoms: Atoms that one call should hold at most on a CPU; on a GPU memory decides.
        device: Torch device that `evaluate` computes on.
    """
    from ase.calculators.calculator import Calculator, all_changes

    class _BatchCalculator(Calculator):
        implemented_properties = ("energy", "free_energy", "forces", "stress")

        def __init__(self) -> None:
            super().__init__()
            self._together = Batches(evaluate, batch_atoms, device)

        @property
        def batch_atoms(self) -> int:
            return self._together.atoms

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
            return self._together(structures)

    return _BatchCalculator()
