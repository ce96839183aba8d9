"""MatterSim with a small network of random weights; skipped where the package is not installed."""

import pytest

pytest.importorskip("mattersim", reason="needs the package mattersim (matdisc[mattersim])")

from batches import assert_same, perovskites

from matdisc.models.potentials.mattersim import load
from matdisc.physics.evaluation import BatchCalculator
from matdisc.testing import check_potential

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # its package warns of itself


@pytest.fixture
def file(tmp_path):
    """A checkpoint as MatterSim saves it, with random weights."""
    import torch
    from mattersim.forcefield.m3gnet.m3gnet import M3Gnet

    torch.manual_seed(0)
    network = M3Gnet(num_blocks=2, units=16, max_l=2, max_n=2)
    content = {"model_name": "m3gnet", "model_args": network.model_args, "model": network.state_dict()}
    torch.save(content, tmp_path / "random.pth")
    return str(tmp_path / "random.pth")


def test_a_checkpoint_keeps_the_contract(file):
    check_potential(load(file), force_tolerance=5e-2)


def test_many_at_once_are_what_the_package_says_of_each(file):
    from mattersim.forcefield import MatterSimCalculator, Potential

    ours, structures = load(file), perovskites()
    assert isinstance(ours, BatchCalculator)
    own = Potential.from_checkpoint(file, device="cpu", load_training_state=False)
    theirs = MatterSimCalculator(own, device="cpu")
    assert_same(ours.evaluate_many(structures), theirs, structures, energy=1e-6, forces=1e-7, stress=1e-8)  # tiny ones
