"""Models of MatGL (Ko et al., npj Comput. Mater. 11, 253 (2025)): M3GNet, TensorNet and CHGNet potentials, MEGNet.

A MatGL checkpoint is a folder of three files that MatGL opens without running code.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from matdisc.models.load import Predictor, Question
from matdisc.schema import Crystal, Sample, Unsupported, Values

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator


def load(file: str, device: str = "cpu") -> Calculator:
    """Return a MatGL potential as an ASE calculator: eV, eV/Å, eV/Å^3.

    Args:
        file: Folder with the `model.json`, `model.pt` and `state.pt` of a potential.
        device: Torch device, `cpu` or `cuda`.
    """
    potential = _model(file, device)
    from matgl.ext.ase import PESCalculator

    return PESCalculator(potential, stress_unit="eV/A3", use_voigt=True)


def formation_energy(file: str, device: str = "cpu") -> Predictor:
    """Return a MatGL model that tells the formation energy of a structure as it is given, without relaxing it.

    It learns nothing from the train part, and answers polymorphs too: among candidates of one composition the
    formation energy orders as the total energy does.

    Args:
        file: Folder with the `model.json`, `model.pt` and `state.pt` of a model of formation energy, eV/atom.
        device: Torch device, `cpu` or `cuda`.
    """
    model = _model(file, device)

    def answers(train: Sequence[Sample], test: Sequence[Sample], question: Question) -> list[Values | Unsupported]:
        name = "energy_per_atom" if question.task == "polymorphs" else "e_form_per_atom"
        return [_answer(model, sample.crystal, name) for sample in test]

    return answers


def _answer(model: Any, crystal: Crystal, name: str) -> Values | Unsupported:
    from pymatgen.core import Structure

    unknown = sorted(set(crystal.symbols) - set(model.element_types))
    if unknown:
        return Unsupported(f"the model has no parameters for {', '.join(unknown)}")
    structure = Structure(crystal.cell, crystal.symbols, crystal.positions)
    return {name: float(model.predict_structure(structure))}


def _model(file: str, device: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch and its graph library announce their own future
        import matgl
        import torch

        torch.set_num_threads(1)
        return matgl.load_model(file).to(device).eval()
