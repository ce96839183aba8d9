"""MatGL with small networks of random weights; skipped where the package is not installed."""

import pytest

pytest.importorskip("matgl", reason="needs the package matgl (matdisc[matgl])")

from batches import assert_same, perovskites

from matdisc.models import Question
from matdisc.models.potentials.matgl import formation_energy, load
from matdisc.physics.evaluation import BatchCalculator
from matdisc.schema import Sample, Unsupported
from matdisc.testing import check_potential, cubic_crystal

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # its package warns of itself
ELEMENTS = ("O", "Ti", "Cu", "Ba")
NARROW = {
    "M3GNet": {
        "units": 16,
        "dim_node_embedding": 16,
        "dim_edge_embedding": 16,
        "use_smooth": True,
        "is_intensive": False,
    },
    "TensorNet": {"units": 16, "is_intensive": False},
    "CHGNet": {"dim_atom_embedding": 16, "dim_bond_embedding": 16, "dim_angle_embedding": 16},
}


def potential(name, **options):
    import torch
    from matgl import models
    from matgl.apps.pes import Potential

    torch.manual_seed(0)
    network = getattr(models, name)(element_types=ELEMENTS, **NARROW[name])
    return Potential(network, element_refs=torch.tensor([-1.0, -2.0, -3.0, -4.0]), **options).eval()


@pytest.mark.parametrize("name", NARROW)
def test_a_potential_in_a_folder_keeps_the_contract(tmp_path, name):
    potential(name).save(tmp_path)
    check_potential(load(str(tmp_path)), force_tolerance=5e-2)


@pytest.mark.parametrize("name", NARROW)
def test_many_at_once_are_what_the_package_says_of_each(tmp_path, name):
    from matgl.ext.ase import PESCalculator

    own = potential(name, data_std=1000.0)  # random weights give forces of 0.001 eV/Å
    own.save(tmp_path)
    ours, structures = load(str(tmp_path)), perovskites()
    assert isinstance(ours, BatchCalculator)
    theirs = PESCalculator(own, stress_unit="eV/A3", use_voigt=True)
    assert_same(ours.evaluate_many(structures), theirs, structures, energy=1e-4)  # of hundreds of eV


def test_a_potential_without_stress_stays_the_package_s_own(tmp_path):
    potential("TensorNet", calc_stresses=False).save(tmp_path)
    assert not isinstance(load(str(tmp_path)), BatchCalculator)


@pytest.fixture
def megnet(tmp_path):
    import torch
    from matgl.models import MEGNet

    torch.manual_seed(0)
    MEGNet(element_types=ELEMENTS).save(tmp_path)
    return formation_energy(str(tmp_path))


def sample(material_id, symbols):
    return Sample(material_id, {"crystal": cubic_crystal(symbols, 3.0)}, {}, "group")


def test_formation_energies_are_answered_for_structures_as_they_are(megnet):
    asked = [sample("a", ["Ba", "O"]), sample("b", ["Ti", "O"]), sample("c", ["Au"])]
    first, second, third = megnet([], asked, Question("discovery", 0.0))
    assert first["e_form_per_atom"] != second["e_form_per_atom"]
    assert third == Unsupported("the model has no parameters for Au")
    (again, *_) = megnet([], asked, Question("polymorphs", 0.0))
    assert again == {"energy_per_atom": first["e_form_per_atom"]}
