"""MACE with a small network of random weights; skipped where the package is not installed."""

import pytest

pytest.importorskip("mace", reason="needs the package mace-torch (matdisc[mace])")

from batches import assert_same, perovskites

from matdisc.models import load_potential
from matdisc.models.potentials.mace import load
from matdisc.physics.evaluation import BatchCalculator, evaluate
from matdisc.testing import check_potential

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # its package warns of itself


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A checkpoint as MACE saves it: a network for O, Ti, Cu and Ba with random weights."""
    import numpy as np
    import torch
    from e3nn import o3
    from mace import modules

    torch.manual_seed(0)
    block = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
    network = modules.ScaleShiftMACE(
        r_max=5.0, num_bessel=8, num_polynomial_cutoff=5, max_ell=2, interaction_cls=block,
        interaction_cls_first=block, num_interactions=2, num_elements=4, hidden_irreps=o3.Irreps("8x0e+8x1o"),
        MLP_irreps=o3.Irreps("8x0e"), gate=torch.nn.functional.silu, atomic_energies=np.array([-1.0, -2.0, -3.0, -4.0]),
        avg_num_neighbors=20.0, atomic_numbers=[8, 22, 29, 56], correlation=2, radial_type="bessel",
        atomic_inter_scale=1.0, atomic_inter_shift=0.0,
    )  # fmt: skip
    path = tmp_path_factory.mktemp("mace") / "random.model"
    torch.save(network, path)
    return str(path)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_keeps_the_contract(file, dtype):
    check_potential(load(file, dtype=dtype), force_tolerance=5e-2)


def test_many_at_once_are_what_the_package_says_of_each(file):
    from mace.calculators import MACECalculator

    ours = load(file)
    assert isinstance(ours, BatchCalculator)
    theirs = MACECalculator(model_paths=file, device="cpu", default_dtype="float32")
    structures = perovskites()
    assert_same(ours.evaluate_many(structures), theirs, structures)


def test_a_card_may_name_a_local_file(board, file):
    card = board.model("mace-mp-0-medium").model_copy(update={"weights": None, "options": {"file": file}})
    check_potential(load_potential(card), force_tolerance=5e-2)


def test_an_element_that_it_does_not_know_is_named(file):
    from ase.build import bulk

    with pytest.raises(ValueError, match=r"atomic number \[79\]"):
        evaluate(load(file), bulk("Au", "fcc", a=4.1))


def test_a_head_that_the_model_lacks_is_refused(file):
    with pytest.raises(ValueError, match="option 'head' is 'omat'"):
        load(file, head="omat")
