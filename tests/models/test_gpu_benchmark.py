"""The script that anybody with a GPU can run: without one it holds the processor to itself."""

import json

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.units import GPa

from benchmarks import gpu
from matdisc.physics.evaluation import Evaluation


def test_a_factor_is_rounded_to_the_nearest_of_ten_bits_and_ties_to_even():
    step = 2.0**-10
    given = torch.tensor([1 + 0.4 * step, 1 + 0.6 * step, 1 + 0.5 * step, 1 + 1.5 * step, -1 - 0.6 * step, 0.0])
    assert gpu.rounded(given, 10).tolist() == [1, 1 + step, 1, 1 + 2 * step, -1 - step, 0]


def test_seven_bits_are_those_of_bfloat16():
    given = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    assert torch.equal(gpu.rounded(given, 7), given.bfloat16().float())


def test_products_are_rounded_forwards_and_backwards_and_sums_are_not():
    a = torch.full((2, 2), 1 + 2.0**-12, requires_grad=True)
    b = torch.full((2, 2), 1 + 2.0**-12)
    with gpu.Rounding(10):
        c = a @ b
        (slope,) = torch.autograd.grad(c.sum(), a)
        assert torch.equal(a + b, torch.full((2, 2), 2 + 2.0**-11))
    assert torch.equal(c, torch.full((2, 2), 2.0))
    assert torch.equal(slope, torch.full((2, 2), 2.0))


@pytest.mark.parametrize(("energy", "force", "within"), [(1.9e-3, 9e-3, True), (2.1e-3, 0, False), (0, 11e-3, False)])
def test_differences_are_an_atom_s_and_held_to_the_bounds(energy, force, within):
    zero = Evaluation(1.0, np.zeros((2, 3)), np.zeros(6))
    forces = np.zeros((2, 3))
    forces[1, 2] = -force
    found = Evaluation(1.0 + energy, forces, np.full(6, 3 * GPa))
    said = gpu.differences([found], [zero], [Atoms("H2")])
    assert said["within"] is within
    assert said["energy"]["max"] == pytest.approx(1e3 * energy / 2)
    assert said["forces"]["max"] == pytest.approx(1e3 * force)
    assert said["forces"]["rms"] == pytest.approx(1e3 * force / 6**0.5)
    assert said["stress"]["max"] == pytest.approx(3)


@pytest.mark.slow
def test_without_a_gpu_the_script_says_so_and_holds_the_processor_to_itself(tmp_path, capsys, monkeypatch):
    pytest.importorskip("chgnet")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    out = tmp_path / "gpu.json"
    assert gpu.main(["chgnet-0.3.0", "--crystals", "4", "--seconds", "0.5", "--out", str(out)]) == 0
    assert "GPU: none was seen" in capsys.readouterr().out
    written = json.loads(out.read_text())
    rows = {row["way"]: row for row in written["models"][0]["ways"]}
    assert written["machine"]["gpus"] == []
    assert rows["cpu, in batches"]["energy"]["max"] < 0.01
    assert rows["cpu, torch as on a GPU"]["forces"]["max"] < 0.5
    tf32, bfloat16 = (rows[f"cpu, {name} by hand"]["energy"]["max"] for name in ("tf32", "bfloat16"))
    assert 0.01 < tf32 < bfloat16 / 4
    assert written["models"][0]["batches"][0]["crystals"] == 1
    assert torch.get_float32_matmul_precision() == "highest"


def test_a_model_that_knows_no_crystal_of_the_set_is_named_with_a_remedy(tmp_path, capsys):
    assert gpu.main(["get-mini", "--crystals", "1", "--dataset", "emt-alloys", "--out", str(tmp_path / "x.json")]) == 2
    assert "get-mini knows no crystal of 'emt-alloys'; name another set with --dataset" in capsys.readouterr().out
    assert not (tmp_path / "x.json").exists()
