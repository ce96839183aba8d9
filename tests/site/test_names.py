"""How models are called: name and version, each once."""

import pytest

from matdisc.cards import ModelCard
from matdisc.leaderboard.names import display_name


@pytest.mark.parametrize(
    ("name", "version", "shown"),
    [
        ("CHGNet r2SCAN", "r2scan", "CHGNet r2SCAN"),
        ("ORB v2 MPtrj", "v2", "ORB v2 MPtrj"),
        ("Model 21", "1", "Model 21 1"),
    ],
)
def test_a_version_that_the_name_holds_as_a_word_is_left_out(name, version, shown):
    card = ModelCard.model_construct(name=name, version=version, reference_row=False)
    assert display_name(card) == shown
