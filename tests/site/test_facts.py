"""What scripts are told of models and columns: enough to filter, frozen limits, and nothing that turns into markup."""

import json
from dataclasses import replace

import pytest
from site_boards import HOSTILE, make_board, place, result

from matdisc.leaderboard.site.content import read_content
from matdisc.leaderboard.site.facts import column_facts, embedded, facts, licence, limits, model_facts, openness
from matdisc.leaderboard.site.tables.board import make_tables
from matdisc.tasks import TASKS


@pytest.fixture
def tables(board):
    return make_tables(read_content(board), ["discovery"], [])


def metric(key, task="discovery"):
    return TASKS[task].metric(key)


def test_a_script_finds_every_row_and_column_of_a_table_in_the_facts(tables):
    found = json.loads(facts(tables))
    assert {row.card.key for table in tables for row in table.rows} == set(found["models"])
    for table in tables:
        assert [m.key for m in table.columns] == list(found["metrics"][table.id])


def test_a_model_is_told_by_what_filters_ask_for(tables):
    card = next(row.card for row in tables[0].rows if row.card.key == "meshnet-2")
    found = model_facts(card, [tables[0].dataset])
    assert found["name"] == "MeshNet 2"
    assert (found["kind"], found["train"], found["targets"]) == ("predictor", ("MPtrj",), ("formation energy",))
    assert (found["licence"], found["params"], found["overlap"]) == ("MIT", 412525, "possible")
    assert "elements" not in found
    assert "theory" not in found


def test_the_gravest_overlap_counts_and_no_training_set_is_unknown(tables):
    card, dataset = tables[0].rows[0].card, tables[0].dataset
    certain = dataset.model_copy(update={"known_overlaps": (dataset.known_overlaps[0].model_copy(
        update={"degree": "certain"}),)})  # fmt: skip
    clean = dataset.model_copy(update={"known_overlaps": ()})
    assert model_facts(card, [clean])["overlap"] == "none"
    assert model_facts(card, [clean, dataset, certain])["overlap"] == "certain"
    assert model_facts(card.model_copy(update={"training_sets": ()}), [dataset])["overlap"] == "unknown"


@pytest.mark.parametrize(
    ("code", "weights", "loader", "said"),
    [
        ("MIT", "MIT", None, "code and weights"),
        ("MIT", "unreleased", None, "code"),
        ("MIT", None, None, "code"),
        ("MIT", None, "some.module:load", "code and weights"),
        ("proprietary", "CC-BY-4.0", None, "weights"),
        ("closed", None, None, "closed"),
    ],
)
def test_openness_is_what_is_released(tables, code, weights, loader, said):
    card = tables[0].rows[0].card
    card = card.model_copy(
        update={"licence": card.licence.model_copy(update={"code": code, "weights": weights}), "loader": loader}
    )
    assert openness(card) == said


def test_the_licence_of_the_weights_is_told_where_it_is_another(tables):
    card = tables[0].rows[0].card
    other = card.model_copy(update={"licence": card.licence.model_copy(update={"weights": "CC-BY-4.0"})})
    assert licence(card) == "MIT"
    assert licence(other) == "MIT (weights: CC-BY-4.0)"


def test_a_share_has_the_limits_0_and_1_an_error_ends_at_the_trivial_answer_and_daf_at_the_highest_possible(tables):
    table = tables[0]
    assert limits(metric("f1"), table) == (0.0, 1.0)
    assert limits(metric("mae"), table) == (0.0, 0.52)
    assert limits(metric("daf"), table) == (1.0, 3.829)
    assert limits(metric("tp"), table) is None


def test_an_error_without_trivial_answer_has_no_limits(tables):
    table = tables[0]
    bare = replace(
        table, rows=tuple(replace(r, result=r.result.model_copy(update={"baseline": {}})) for r in table.rows)
    )
    assert limits(metric("mae"), bare) is None
    assert "lo" not in column_facts(metric("mae"), bare)
    assert limits(metric("failure_rate", "thermal-conductivity"), bare) == (0.0, 1.0)
    assert limits(metric("srme", "thermal-conductivity"), bare) == (0.0, 2.0)


def test_another_model_moves_no_limit(tmp_path, tables):
    board = make_board(tmp_path / "more")
    place(board, result("meshnet-2", f1=0.99, mae=0.001, entry="meshnet-2+better"))
    more = make_tables(read_content(board), ["discovery"], [])
    for m in tables[0].columns:
        assert limits(m, more[0]) == limits(m, tables[0])


def test_no_text_of_a_card_ends_the_script_element():
    text = embedded({"name": HOSTILE})
    assert json.loads(text) == {"name": HOSTILE}
    assert not set("<>&\u2028\u2029") & set(text)


def test_what_json_cannot_say_is_an_error():
    with pytest.raises(ValueError, match="not JSON compliant"):
        embedded({"value": float("nan")})
