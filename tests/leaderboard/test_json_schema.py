"""JSON Schemas: each is one, what lies on the board fits, and what is wrong does not."""

import json
import tomllib
from copy import deepcopy
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from matdisc.errors import CardError
from matdisc.leaderboard.export.json_schema import json_schema, schema_names

ROOT = Path(__file__).parents[2]
FILES = {
    "model-card": "models/*/model.toml",
    "dataset-card": "datasets/*/dataset.toml",
    "result": "leaderboard/results/*/*/*.json",
    "ranking": "leaderboard/rankings/*/*.json",
    "run": "leaderboard/predictions/*/*/*.run.json",
}
RIGHT = {
    "model-card": ROOT / "models" / "emt" / "model.toml",
    "dataset-card": ROOT / "datasets" / "emt-alloys" / "dataset.toml",
}


def content(path):
    text = path.read_text(encoding="utf-8")
    return tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)


def problems(name, value):
    return [error.message for error in Draft202012Validator(json_schema(name)).iter_errors(value)]


@pytest.mark.parametrize("name", schema_names())
def test_a_schema_follows_the_standard(name):
    Draft202012Validator.check_schema(json_schema(name))


@pytest.mark.parametrize(("name", "pattern"), FILES.items())
def test_what_lies_on_the_board_fits_its_schema(name, pattern):
    validator = Draft202012Validator(json_schema(name))
    paths = sorted(ROOT.glob(pattern))
    found = {str(path): error.message for path in paths for error in validator.iter_errors(content(path))}
    assert found == {}
    assert paths or name not in RIGHT


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("model-card", "kind", "oracle"),
        ("model-card", "gives", []),
        ("model-card", "colour", "red"),
        ("dataset-card", "n_samples", 0),
        ("dataset-card", "sha256", "abc"),
        ("dataset-card", "colour", "red"),
    ],
)
def test_a_wrong_card_does_not_fit(name, field, value):
    card = content(RIGHT[name])
    assert problems(name, card) == []
    assert problems(name, card | {field: value}) != []


def test_a_card_without_a_needed_field_does_not_fit():
    card = deepcopy(content(RIGHT["model-card"]))
    del card["licence"]
    assert problems("model-card", card) == ["'licence' is a required property"]


def test_a_result_of_another_version_does_not_fit():
    right = {"schema": "matdisc.result/2", "entry": "a", "model": "a", "task": "discovery", "dataset": "emt-alloys"}
    assert problems("result", right) == []
    assert problems("result", right | {"schema": "matdisc.result/1"}) != []


@pytest.mark.parametrize(
    ("row", "fits"),
    [
        ({"material_id": "a", "e_form_per_atom": -0.5}, True),
        ({"material_id": "a", "e_form_per_atom": None, "status": "failed"}, True),
        ({"material_id": "a", "e_form_per_atom": -0.5, "remark": "fine"}, True),
        ({"e_form_per_atom": -0.5}, False),
        ({"material_id": "a", "e_form_per_atom": "-0.5 eV"}, False),
        ({"material_id": "a", "e_form_per_atom": -200.0}, False),
        ({"material_id": "a", "p_stable": 1.5}, False),
        ({"material_id": "a", "status": "shy"}, False),
    ],
)
def test_a_row_fits_if_its_columns_hold_what_they_may(row, fits):
    assert (problems("predictions-discovery", row) == []) == fits


def test_the_unit_of_a_column_is_in_its_schema():
    assert json_schema("predictions-discovery")["properties"]["e_form_per_atom"]["unit"] == "eV/atom"


def test_an_unknown_schema_is_answered_with_the_known_ones():
    with pytest.raises(CardError, match="'cards' does not exist; schemas: model-card, dataset-card"):
        json_schema("cards")
    with pytest.raises(CardError, match="alchemy"):
        json_schema("predictions-alchemy")
