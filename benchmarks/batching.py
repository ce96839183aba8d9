"""Potentials of other packages: their own calculators one crystal after the other, against matdisc's batches.

20 perturbed perovskites of `mp-abc3-cubic`, half of them doubled to ten atoms, take the same nine evaluations of a
relaxation: with ASE's FIRE and cell filter around the package's calculator, and by matdisc in batches. CPU seconds of
one thread; loading, compiling and a first call are not timed. SevenNet and CHGNet have their published weights, the
others random ones in networks of their usual sizes. Only what is installed is measured.
`python -m benchmarks.batching sevennet-0 ...` measures some alone, in the environment of their package.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

from matdisc.schema import Crystal

N, STEPS = 20, 8
GRAPHS = {
    "chgnet": "matdisc.models.potentials.chgnet:graph_of",
    "sevenn": "matdisc.models.potentials.sevennet:joined",
    "mace": "matdisc.models.potentials.mace:joined",
    "matgl": "matgl.ext.ase:Atoms2Graph.get_graph",
    "orb_models": "orb_models.forcefield.atomic_system:ase_atoms_to_atom_graphs",
    "mattersim": "mattersim.datasets.utils.build:build_dataloader",
}
"""Where the graphs of a step are made."""


def measure(folder: Path, names: Sequence[str] = ()) -> None:
    """Print the lines of every potential that is installed, or of those named."""
    from benchmarks.relaxation import crystals
    from matdisc.board import init_board
    from matdisc.errors import MatdiscError
    from matdisc.models.load import one_thread

    one_thread()
    logging.disable(logging.INFO)
    try:
        starts = [_sized(k, one) for k, one in enumerate(crystals(init_board(folder / "batching-board"))[:N])]
    except MatdiscError as err:
        print(f"batches are not measured: {err}")
        return
    for name in names or POTENTIALS:
        package, make = POTENTIALS[name]
        if find_spec(package) is None:
            print(f"{name:55s} not installed")
            continue
        path = folder / name
        path.mkdir()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _compare(name, package, *make(path), starts)


def _compare(name: str, package: str, own: Any, ours: Any, starts: Sequence[Crystal]) -> None:
    from benchmarks.report import ratio

    _alone(own, starts[:1])
    _together(ours, starts)  # of the size that is timed, so that everything is compiled
    alone = _cpu(partial(_alone, own, starts))
    spent = {"graphs": 0.0, "backwards": 0.0, "evaluations": 0.0}
    module, _, path = GRAPHS[package].partition(":")
    *inner, graphs = path.split(".")
    owner = import_module(module)
    for part in inner:
        owner = getattr(owner, part)
    import torch

    with (
        _timed(owner, graphs, spent, "graphs"),
        _timed(torch.autograd, "grad", spent, "backwards"),
        _timed(ours, "evaluate_many", spent, "evaluations"),
    ):
        together = _cpu(partial(_together, ours, starts))
    network = spent["evaluations"] - spent["graphs"] - spent["backwards"]
    parts = {"graphs": spent["graphs"], "network": network, "backwards": spent["backwards"],
             "FIRE and cell": together - spent["evaluations"]}  # fmt: skip
    ratio(f"{name}, one by one / batches of {ours.batch_atoms} atoms", alone, together)
    shown = [f"{part} {seconds / together:.0%}" for part, seconds in parts.items() if seconds > 0]
    print(f"  of the batches: {', '.join(shown)}", flush=True)  # MatGL's backwards is counted with the network


def _sized(k: int, crystal: Crystal) -> Crystal:
    from matdisc.formats.atoms import to_atoms, to_crystal

    return crystal if k % 2 == 0 else to_crystal(to_atoms(crystal).repeat((2, 1, 1)))


def _alone(calculator: Any, starts: Sequence[Crystal]) -> None:
    from ase.filters import FrechetCellFilter
    from ase.optimize import FIRE

    from matdisc.formats.atoms import to_atoms

    for crystal in starts:
        atoms = to_atoms(crystal)
        atoms.calc = calculator
        FIRE(FrechetCellFilter(atoms), logfile=None).run(fmax=0.0, steps=STEPS)


def _together(calculator: Any, starts: Sequence[Crystal]) -> None:
    from matdisc.physics.drivers import run_batched
    from matdisc.physics.relaxation.relax import relaxation
    from matdisc.protocols import Protocol

    protocol = Protocol("first-steps", "", fmax=0.0, max_steps=STEPS)
    for ended in run_batched(((k, relaxation(one, protocol)) for k, one in enumerate(starts)), calculator):
        if ended.value is None:
            raise ended.error or RuntimeError("no answer")


def _cpu(call: Callable[[], None]) -> float:
    started = time.process_time()
    call()
    return time.process_time() - started


@contextmanager
def _timed(owner: Any, name: str, spent: dict[str, float], key: str) -> Iterator[None]:
    """Add the CPU seconds of a function to `spent` while the block runs."""
    function = getattr(owner, name)

    def timed(*args: Any, **options: Any) -> Any:
        started = time.process_time()
        try:
            return function(*args, **options)
        finally:
            spent[key] += time.process_time() - started

    with patch.object(owner, name, timed):
        yield


def _chgnet(folder: Path) -> tuple[Any, Any]:
    from chgnet.model import CHGNetCalculator

    from matdisc.models.potentials.chgnet import load

    return CHGNetCalculator(use_device="cpu"), load()


def _sevennet(model: str, folder: Path) -> tuple[Any, Any]:
    from sevenn.calculator import SevenNetCalculator

    from matdisc.models.potentials.sevennet import load

    return SevenNetCalculator(model, device="cpu"), load(model)


def _mace(folder: Path) -> tuple[Any, Any]:
    import mace  # noqa: F401  # first of all: it makes e3nn 0.4 readable
    import numpy as np
    import torch
    from e3nn.o3 import Irreps
    from mace import modules
    from mace.calculators import MACECalculator

    from matdisc.models.potentials.mace import load

    block = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
    network = modules.ScaleShiftMACE(
        r_max=6.0, num_bessel=10, num_polynomial_cutoff=5, max_ell=3, interaction_cls=block,
        interaction_cls_first=block, num_interactions=2, num_elements=94, hidden_irreps=Irreps("128x0e+128x1o"),
        MLP_irreps=Irreps("16x0e"), gate=torch.nn.functional.silu, atomic_energies=np.zeros(94),
        avg_num_neighbors=60.0, atomic_numbers=list(range(1, 95)), correlation=3, radial_type="bessel",
        atomic_inter_scale=1.0, atomic_inter_shift=0.0,
    )  # fmt: skip
    file = str(folder / "random.model")
    torch.save(network, file)
    return MACECalculator(model_paths=file, device="cpu", default_dtype="float32"), load(file)


def _matgl(name: str, folder: Path) -> tuple[Any, Any]:
    from matgl import models
    from matgl.apps.pes import Potential
    from matgl.config import DEFAULT_ELEMENTS
    from matgl.ext.ase import PESCalculator

    from matdisc.models.potentials.matgl import load

    options = {} if name == "CHGNet" else {"is_intensive": False}
    own = Potential(getattr(models, name)(element_types=DEFAULT_ELEMENTS, **options)).eval()
    own.save(folder)
    return PESCalculator(own, stress_unit="eV/A3", use_voigt=True), load(str(folder))


def _orb(folder: Path) -> tuple[Any, Any]:
    import torch
    from orb_models.forcefield import pretrained
    from orb_models.forcefield.atomic_system import SystemConfig
    from orb_models.forcefield.calculator import ORBCalculator

    from matdisc.models.potentials.orb import load

    file, name = str(folder / "random.ckpt"), "orb_v3_conservative_inf_omat"
    config = SystemConfig(radius=6.0, max_num_neighbors=120)
    network = pretrained.orb_v3_conservative_architecture(device="cpu", system_config=config)
    torch.save(network.state_dict(), file)
    own = getattr(pretrained, name)(weights_path=file, device="cpu", precision="float32-highest", compile=False)
    return ORBCalculator(own, device="cpu"), load(file, name)


def _mattersim(folder: Path) -> tuple[Any, Any]:
    import torch
    from mattersim.forcefield import MatterSimCalculator, Potential
    from mattersim.forcefield.m3gnet.m3gnet import M3Gnet

    from matdisc.models.potentials.mattersim import load

    network, file = M3Gnet(num_blocks=3, units=128, max_l=4, max_n=4), str(folder / "random.pth")
    content = {"model_name": "m3gnet", "model_args": network.model_args, "model": network.state_dict()}
    torch.save(content, file)
    own = Potential.from_checkpoint(file, device="cpu", load_training_state=False)
    return MatterSimCalculator(own, device="cpu"), load(file)


POTENTIALS: dict[str, tuple[str, Callable[[Path], tuple[Any, Any]]]] = {
    "chgnet-0.3.0": ("chgnet", _chgnet),
    "sevennet-0": ("sevenn", partial(_sevennet, "7net-0")),
    "sevennet-l3i5": ("sevenn", partial(_sevennet, "7net-l3i5")),
    "mace": ("mace", _mace),
    "matgl-m3gnet": ("matgl", partial(_matgl, "M3GNet")),
    "matgl-tensornet": ("matgl", partial(_matgl, "TensorNet")),
    "matgl-chgnet": ("matgl", partial(_matgl, "CHGNet")),
    "orb-v3": ("orb_models", _orb),
    "mattersim": ("mattersim", _mattersim),
}
"""The package of each potential, and its own calculator beside ours."""


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        measure(Path(scratch), sys.argv[1:])
