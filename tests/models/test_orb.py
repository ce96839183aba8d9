"""ORB with random weights; skipped where the package is not installed."""

import pytest

pytest.importorskip("orb_models", reason="needs the package orb-models (matdisc[orb])")

from batches import assert_same, perovskites

from matdisc.models.potentials.orb import load
from matdisc.physics.evaluation import BatchCalculator
from matdisc.testing import check_potential

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # its package warns of itself


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Weights as ORB saves them, random, for the architecture of the cards."""
    import torch
    from orb_models.forcefield.atomic_system import SystemConfig
    from orb_models.forcefield.pretrained import orb_v3_conservative_architecture

    torch.manual_seed(0)
    system = SystemConfig(radius=6.0, max_num_neighbors=120)
    path = tmp_path_factory.mktemp("orb") / "random.ckpt"
    torch.save(orb_v3_conservative_architecture(device="cpu", system_config=system).state_dict(), path)
    return str(path)


def test_it_keeps_the_contract(file):
    check_potential(load(file, "orb_v3_conservative_inf_omat"), force_tolerance=5e-2)


def own(file, architecture):
    from orb_models.forcefield import pretrained

    return getattr(pretrained, architecture)(
        weights_path=file, device="cpu", precision="float32-highest", compile=False
    )


def test_many_at_once_are_what_the_package_says_of_each(file):
    from orb_models.forcefield.calculator import ORBCalculator

    ours, structures = load(file, "orb_v3_conservative_inf_omat"), perovskites()
    assert isinstance(ours, BatchCalculator)
    theirs = ORBCalculator(own(file, "orb_v3_conservative_inf_omat"), device="cpu")
    assert_same(ours.evaluate_many(structures), theirs, structures)


@pytest.mark.parametrize("key", ["orb-v3-mpa", "orb-v3-omat"])
def test_the_card_says_what_the_model_is(board, file, key):
    card = board.model(key)
    network = own(file, card.options["architecture"])
    assert card.n_params == sum(weight.numel() for weight in network.parameters())
    assert card.cutoff == network.system_config.radius


def test_the_address_on_the_card_is_the_one_of_the_package(board):
    import inspect

    from orb_models.forcefield import pretrained

    for key in ("orb-v3-mpa", "orb-v3-omat"):
        card = board.model(key)
        function = getattr(pretrained, card.options["architecture"])
        assert inspect.signature(function).parameters["weights_path"].default == card.weights.url


def test_an_architecture_that_does_not_exist_is_named(file):
    with pytest.raises(ValueError, match="no architecture 'orb_v9'"):
        load(file, "orb_v9")
