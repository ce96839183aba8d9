"""The pages about families say what happens: its family is one, and keeps the promises of a predictor."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from matdisc.cards import ModelCard
from matdisc.models.families.family import Family
from matdisc.models.load import Question
from matdisc.schema import Crystal, Sample
from matdisc.testing import check_predictor

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "guides" / "families.md").read_text(encoding="utf-8")
PROTOCOLS = (DOCS / "explanation" / "families.md").read_text(encoding="utf-8")
CUBE = ((4.0, 0.0, 0.0), (0.0, 4.0, 0.0), (0.0, 0.0, 4.0))


def _block(kind):
    return re.search(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)[1]


def _sample(name, symbols, energy):
    positions = tuple((i / len(symbols), 0.0, 0.0) for i in range(len(symbols)))
    crystal = Crystal(symbols, positions, CUBE)
    return Sample(name, {"crystal": crystal}, {"e_form_per_atom": energy}, crystal.chemical_system)


@pytest.fixture
def family(tmp_path, monkeypatch):
    monkeypatch.setenv("MATDISC_CACHE", str(tmp_path))
    known: dict = {}
    exec(compile(_block("python"), "docs/guides/families.md", "exec"), known)
    return known["load"](members=2)


def test_the_family_of_the_page_answers_with_means_of_elements(family):
    train = [_sample(f"a{i}", ("Na", "Cl"), -2.0) for i in range(6)] + [_sample(f"b{i}", ("K",), 0.0) for i in range(6)]
    test = [_sample("x", ("Na", "K"), 0.0).without_target(), _sample("y", ("Rb",), 0.0).without_target()]
    question = Question("learning", 0.0)
    assert isinstance(family, Family)
    assert family(train, test, question)[0]["e_form_per_atom"] == pytest.approx(-1.0)
    check_predictor(family, train, test, question)


def test_the_card_of_the_page_is_one():
    assert ModelCard.model_validate(tomllib.loads(_block("toml"))).key == "element-means"


def test_every_protocol_of_the_two_sets_is_explained():
    cards = (Path(__file__).parents[3] / "datasets" / key / "dataset.toml" for key in ("binaries", "binaries-small"))
    for card in cards:
        for protocol in tomllib.loads(card.read_text(encoding="utf-8"))["splits"]:
            assert f"`{protocol}`" in PROTOCOLS
