"""A trained GET as an ASE calculator: compiled where that is possible, in torch everywhere else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matdisc.errors import CardError
from matdisc.models.devices import refuse_missing
from matdisc.models.get.files import DESCRIPTION, read
from matdisc.models.get.files import load as load_model
from matdisc.models.get.inputs import refuse_unknown, total_charge
from matdisc.models.get.settings import Settings
from matdisc.models.potentials.batch import Batches
from matdisc.physics.evaluation import Evaluation

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

    from matdisc.models.get.reference.potential import GET

TRAINED = Path(__file__).parent / "trained"
"""Folder of the models that ship with the package."""
BATCH_ATOMS = 500
"""Atoms in one pass on a CPU."""
DTYPES = ("float32", "float64")


@dataclass(frozen=True, slots=True)
class Properties:
    """What a model says of one structure.

    Attributes:
        energy: eV.
        forces: eV/Å, shape (n_atoms, 3).
        stress: eV/Å^3, ASE's order and sign, shape (6,); None without a box.
        charges: e, shape (n_atoms,).
    """

    energy: float
    forces: NDArray[np.float64]
    stress: NDArray[np.float64] | None
    charges: NDArray[np.float64]


def load(
    model: str = "get-mini",
    folder: str = "",
    device: str = "cpu",
    dtype: str = "float32",
    fast: bool = True,
    conservative: bool | None = None,
) -> Calculator:
    """Return a trained GET as an ASE calculator: eV, eV/Å, eV/Å^3, charges in e.

    It also evaluates many structures in one call. The total charge of a structure is `atoms.info["charge"]`, or
    what others call it (`matdisc.formats`), or 0. The model knows no spin.

    Args:
        model: A model that ships with the package, unless `folder` is given.
        folder: Where `matdisc train get` has put a model of your own.
        device: Torch device, `cpu` or `cuda`.
        dtype: `float32` or `float64`, of the network; Coulomb sums and energies are in double precision.
        fast: Use the compiled kernels if the device is the CPU and numba is installed; the same numbers up to noise.
        conservative: Whether forces are the whole gradient of the energy; None for the way the model was made.

    Raises:
        CardError: If an option is impossible or there is no such model.
        DataError: If the model's files are missing or damaged.
    """
    if dtype not in DTYPES:
        raise CardError(f"option 'dtype' is {dtype!r}; choose one of {', '.join(DTYPES)}")
    path = Path(folder).expanduser() if folder else TRAINED / model
    if not folder and not (path / DESCRIPTION).is_file():
        known = sorted(one.parent.name for one in TRAINED.glob(f"*/{DESCRIPTION}"))
        raise CardError(
            f"option 'model' is {model!r}; shipped are {', '.join(known) or 'none'}. Name one of them, or the folder "
            "of a model of your own as 'folder'"
        )
    if fast and device == "cpu" and find_spec("numba") is not None:
        settings, weights = read(path)
        return compiled_calculator(with_mode(settings, conservative), weights, dtype)
    import torch

    refuse_missing(device)
    reference = load_model(path, dtype=getattr(torch, dtype), device=device)
    reference.settings = with_mode(reference.settings, conservative)
    return reference_calculator(reference, device=device)


def compiled_calculator(settings: Settings, weights: dict[str, NDArray[Any]], dtype: str = "float32") -> Calculator:
    """Return a model as an ASE calculator with compiled kernels, which need a CPU and numba."""
    from matdisc.models.get.fast.evaluator import Evaluator

    evaluator = Evaluator(weights, settings, dtype=dtype)
    return calculator_of(
        partial(_compiled, settings, evaluator), BATCH_ATOMS, forget=evaluator.forget, batch_invariant=True
    )


def reference_calculator(model: GET, *, device: str = "cpu") -> Calculator:
    """Return a model in memory as an ASE calculator, evaluated in torch."""
    return calculator_of(partial(_reference, model, device), BATCH_ATOMS, device)


def with_mode(settings: Settings, conservative: bool | None) -> Settings:
    """Return settings in another force mode, or as they are if it is None."""
    return settings if conservative is None else replace(settings, conservative=conservative)


def _compiled(settings: Settings, evaluator: Any, structures: Sequence[Atoms]) -> list[Properties]:
    for atoms in structures:
        refuse_unknown(atoms, settings.elements)
    found = evaluator.evaluate_many(structures)
    return [Properties(one.energy, one.forces, one.stress, one.charges) for one in found]


def _reference(model: GET, device: str, structures: Sequence[Atoms]) -> list[Properties]:
    answer = model.answer(model.graph(structures, device=device))
    energies = answer.energy.tolist()
    forces, charges = answer.forces.double().cpu().numpy(), answer.charges.double().cpu().numpy()
    virials = answer.virial.double().cpu().numpy()
    ends = np.cumsum([len(atoms) for atoms in structures])
    found = []
    for atoms, energy, virial, end in zip(structures, energies, virials, ends, strict=True):
        own = slice(end - len(atoms), end)
        found.append(Properties(energy, forces[own], _stress(atoms, virial), charges[own]))
    return found


def _stress(atoms: Atoms, virial: NDArray[np.float64]) -> NDArray[np.float64] | None:
    from ase.stress import full_3x3_to_voigt_6_stress

    if not atoms.pbc.all():
        return None
    stress: NDArray[np.float64] = full_3x3_to_voigt_6_stress(-virial / atoms.get_volume())
    return stress


def calculator_of(
    evaluate: Any,
    batch_atoms: int,
    device: str = "cpu",
    *,
    forget: Callable[[], None] = lambda: None,
    batch_invariant: bool = False,
) -> Calculator:
    """Return an ASE calculator around a function from structures to what is found of each.

    It keeps `matdisc.physics.evaluation.BatchCalculator`. The stress of a molecule is an error of ASE's kind.

    Args:
        evaluate: Structures to a `Properties` for each, in order.
        batch_atoms: Atoms that one call should hold at most on a CPU; on a GPU memory decides.
        device: Torch device that `evaluate` computes on.
        forget: Drops what `evaluate` remembers of earlier calls, such as neighbour lists.
        batch_invariant: Whether answers are the same in company to the last bit.
    """
    from ase.calculators.calculator import Calculator, PropertyNotImplementedError, all_changes

    class OfGet(Calculator):
        implemented_properties = ("energy", "free_energy", "forces", "stress", "charges")

        def __init__(self) -> None:
            super().__init__()
            self._together = Batches(evaluate, batch_atoms, device)
            self._charge = 0.0
            self.batch_invariant = batch_invariant

        @property
        def batch_atoms(self) -> int:
            """Atoms that one call should hold at most."""
            return self._together.atoms

        def check_state(self, atoms: Atoms, tol: float = 1e-15) -> list[str]:
            """Return what has changed since the last calculation; the total charge counts, too."""
            changes: list[str] = super().check_state(atoms, tol)
            return changes if total_charge(atoms) == self._charge else [*changes, "initial_charges"]

        def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
            super().calculate(atoms, properties, system_changes)
            self._charge = total_charge(self.atoms)
            (found,) = evaluate([self.atoms])
            self.results = {
                "energy": found.energy,
                "free_energy": found.energy,
                "forces": found.forces,
                "charges": found.charges,
            }
            if found.stress is not None:
                self.results["stress"] = found.stress
            elif "stress" in (properties or ()):
                raise PropertyNotImplementedError("a molecule has no stress: only a periodic box has a volume")

        def forget(self) -> None:
            """Answer from now on as if just loaded: dynamics that goes on from a checkpoint repeats every bit."""
            self.reset()
            forget()

        def evaluate_many(self, structures: Sequence[Atoms]) -> list[Evaluation]:
            return [Evaluation(found.energy, found.forces, found.stress) for found in self._together(structures)]

    return OfGet()
