"""Cards of the universal potentials: complete, and clear about what is missing before a model can be asked."""

import pytest

from matdisc.board import Board, shipped_board
from matdisc.datasets import fetch
from matdisc.errors import DataError, ExtraError
from matdisc.models import installed, load_potential, load_predictor

BOARD = Board(shipped_board())
CARDS = {key: card for key in BOARD.model_keys() if (card := BOARD.model(key)).weights is not None}
HOSTED = [key for key, card in CARDS.items() if card.weights.url is not None]


def ask(card):
    return load_potential(card) if card.kind == "potential" else load_predictor(card)


def test_the_universal_potentials_have_cards():
    families = ("chgnet", "sevennet", "mace", "m3gnet", "tensornet", "megnet", "orb", "mattersim", "alignn")
    for family in families:
        assert any(key.startswith(family) for key in CARDS), family


@pytest.mark.parametrize("key", CARDS)
def test_a_card_says_what_a_reader_needs_to_judge_the_model(key):
    card = CARDS[key]
    assert card.level_of_theory
    assert card.energy_scale or card.kind == "predictor"
    assert card.elements
    assert card.training_sets
    assert card.licence.weights
    assert card.requirements
    assert card.extra
    assert card.citation


@pytest.mark.parametrize("key", CARDS)
def test_energies_that_carry_corrections_are_not_corrected_again(key):
    card = CARDS[key]
    if "uncorrected" in (card.level_of_theory or ""):
        assert card.energy_scale != "mp2020_corrected"
    if "r2SCAN" in (card.level_of_theory or ""):
        assert card.energy_scale == "own"


@pytest.mark.parametrize("key", CARDS)
def test_a_missing_package_is_named_with_the_command_that_installs_it(key):
    if installed(CARDS[key]):
        pytest.skip("its package is installed here")
    with pytest.raises(ExtraError, match=rf"{key}.*pip install 'matdisc\[{CARDS[key].extra}\]'"):
        ask(CARDS[key])


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """An empty cache, and no network."""

    def download(url, target, known_hash):
        raise ConnectionError(url)

    monkeypatch.setenv("MATDISC_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MATDISC_MIRROR", raising=False)
    monkeypatch.setattr(fetch, "download", download)
    monkeypatch.setattr(fetch, "ATTEMPTS", 1)


@pytest.mark.parametrize("key", HOSTED)
def test_weights_that_cannot_be_fetched_are_named_with_address_and_remedy(key, offline, tmp_path, monkeypatch):
    card = CARDS[key]
    for package in card.packages or card.distributions:
        (tmp_path / f"{package.replace('-', '_')}.py").touch()  # looked for, never imported: the weights come first
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(DataError) as caught:
        ask(card)
    for part in (key, str(card.weights.url), str(tmp_path / "cache" / "weights" / key), "options = { file ="):
        assert part in str(caught.value)
