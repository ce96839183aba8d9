"""MatterSim with a small network of random weights; skipped where the package is not installed."""

import pytest

pytest.importorskip("mattersim", reason="needs the package mattersim (matdisc[mattersim])")

from matdisc.models.potentials.mattersim import load
from matdisc.testing import check_potential

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # its package warns of itself


def test_a_checkpoint_keeps_the_contract(tmp_path):
    import torch
    from mattersim.forcefield.m3gnet.m3gnet import M3Gnet

    torch.manual_seed(0)
    network = M3Gnet(num_blocks=2, units=16, max_l=2, max_n=2)
    content = {"model_name": "m3gnet", "model_args": network.model_args, "model": network.state_dict()}
    torch.save(content, tmp_path / "random.pth")
    check_potential(load(str(tmp_path / "random.pth")), force_tolerance=5e-2)
