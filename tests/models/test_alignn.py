"""ALIGNN-FF with a small network of random weights; skipped where the package is not installed."""

import json
import zipfile

import pytest

pytest.importorskip("alignn", reason="needs the package alignn (matdisc[alignn])")

from matdisc.models.potentials.alignn import load
from matdisc.testing import check_potential

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # its package warns of itself
NETWORK = {
    "name": "alignn_atomwise_pure", "alignn_layers": 2, "gcn_layers": 2, "atom_input_features": 92,
    "multiply_cutoff": True, "inner_cutoff": 4.0, "use_penalty": False, "stresswise_weight": 0.1,
}  # fmt: skip
GRAPH = {
    "neighbor_strategy": "pure_torch", "cutoff": 5.0, "max_neighbors": 52, "atom_features": "cgcnn",
    "use_canonize": True, "three_body_cutoff": 3.5,
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    import torch
    from alignn.models.alignn_atomwise_pure import ALIGNNAtomWisePure, ALIGNNAtomWisePureConfig

    torch.manual_seed(0)
    network = ALIGNNAtomWisePure(ALIGNNAtomWisePureConfig(**NETWORK))
    with torch.no_grad():
        for weight in network.parameters():
            weight.mul_(4.0 if weight.ndim == 2 else 1.0)  # as they are, forces drown in rounding errors
    torch.save(network.state_dict(), tmp_path / "best_model.pt")
    (tmp_path / "config.json").write_text(json.dumps({"model": NETWORK, **GRAPH}))
    return tmp_path


def test_a_folder_keeps_the_contract(folder):
    check_potential(load(str(folder)), force_tolerance=5e-2)


def test_a_zip_is_the_folder_it_holds(folder, tmp_path):
    from ase.build import bulk

    with zipfile.ZipFile(tmp_path / "model.zip", "w") as archive:
        for name in ("best_model.pt", "config.json"):
            archive.write(folder / name, f"somewhere/{name}")
    copper = bulk("Cu", "fcc", a=3.7)
    energies = []
    for file in (folder, tmp_path / "model.zip"):
        copper.calc = load(str(file))
        energies.append(copper.get_potential_energy())
    assert energies[0] == energies[1]


def test_a_zip_without_a_model_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "model.zip", "w") as archive:
        archive.writestr("README", "nothing")
    with pytest.raises(ValueError, match=r"has no config\.json"):
        load(str(tmp_path / "model.zip"))
