"""Models of MatGL (Ko et al., npj Comput. Mater. 11, 253 (2025)): M3GNet, TensorNet and CHGNet potentials, MEGNet.

A MatGL checkpoint is a folder of three files that MatGL opens without running code.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from matdisc.models.load import Predictor, Question
from matdisc.models.potentials.batch import calculator_of
from matdisc.physics.evaluation import Evaluation
from matdisc.schema import Crystal, Sample, Unsupported, Values

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

BATCH_ATOMS = 80
"""Atoms joined in one call on a CPU, as measured on one core: more gain little."""


def load(file: str, device: str = "cpu") -> Calculator:
    """Return a MatGL potential as an ASE calculator that evaluates many structures at once: eV, eV/Å, eV/Å^3.

    A potential of charges or without stress stays MatGL's own calculator, which evaluates them one by one.

    Args:
        file: Folder with the `model.json`, `model.pt` and `state.pt` of a potential.
        device: Torch device, `cpu` or `cuda`.
    """
    potential = _model(file, device)
    from matgl.ext.ase import Atoms2Graph, PESCalculator

    if potential.calc_charge or not (potential.calc_forces and potential.calc_stresses):
        return PESCalculator(potential, stress_unit="eV/A3", use_voigt=True)
    potential.requires_grad_(False)
    graph_of = Atoms2Graph(potential.model.element_types, potential.model.cutoff)

    def evaluate(structures: Sequence[Atoms]) -> list[Evaluation]:
        return _evaluate(potential, [graph_of.get_graph(atoms) for atoms in structures], structures)

    return calculator_of(evaluate, BATCH_ATOMS, device)


def _evaluate(potential: Any, graphs: Sequence[tuple[Any, Any, Any]], structures: Sequence[Atoms]) -> list[Evaluation]:
    """Evaluate graphs, lattices and states as MatGL makes them of each structure; its stress is in GPa."""
    import torch
    from ase.stress import full_3x3_to_voigt_6_stress
    from ase.units import GPa
    from torch_geometric.data import Batch

    each, lattices, states = zip(*graphs, strict=True)
    cells = torch.stack([lattice.reshape(3, 3) for lattice in lattices])
    state = torch.stack([torch.as_tensor(one) for one in states])
    found = potential(Batch.from_data_list(list(each)), cells, state)
    energies, forces, stresses = (part.detach().cpu().numpy().astype(float) for part in found[:3])
    ends = np.cumsum([len(atoms) for atoms in structures])[:-1]
    parts = zip(energies.reshape(-1), np.split(forces, ends), stresses.reshape(-1, 3, 3), strict=True)
    return [Evaluation(float(energy), f, full_3x3_to_voigt_6_stress(stress) * GPa) for energy, f, stress in parts]


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
