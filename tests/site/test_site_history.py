"""The history of a site: what a build changed, why a place moved, and what becomes of a file that cannot be read."""

import json
from datetime import UTC, datetime

import pytest
from site_boards import model_card, place, result, write
from site_html import Page

from matdisc.cli.growing import GrowingSite
from matdisc.errors import DataError
from matdisc.leaderboard.site import History, build, history_of, read_history
from matdisc.leaderboard.site.changes import _pushes, changes_in, summary
from matdisc.leaderboard.site.content import Content
from matdisc.leaderboard.site.differences import Event, Named, RowState, Standing, State, compare
from matdisc.leaderboard.site.history import Build, changes_of, continued

T1, T2 = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"
NOTHING = Content(models={}, datasets={}, results=())


def row(value, best, worst, *, model="net", name="Net 1", **hashes):
    made = {"predictions": "a", "labels": "b", "card": "c", "version": "0.1.0"} | hashes
    return RowState(model=model, name=name, standing=standing(value, best, worst), **made)


def standing(value, best, worst):
    return Standing(metric="f1", value=value, best=best, worst=worst)


def board_of(**rows):
    return State(rows={f"discovery/set/{entry}": state for entry, state in rows.items()})


def kinds(before, now):
    return [event.kind for event in compare(before, now)]


def one(before, now):
    (event,) = compare(board_of(net=before), board_of(net=now))
    return event


def test_equal_states_differ_in_nothing():
    state = board_of(a=row(0.9, 1, 1), b=row(0.8, 2, 2))
    assert kinds(state, state) == []


def test_rows_that_came_and_went_are_named():
    events = list(compare(board_of(a=row(0.9, 1, 1)), board_of(b=row(0.8, 1, 1))))
    assert [(event.kind, event.key) for event in events] == [
        ("withdrawn", "discovery/set/a"),
        ("added", "discovery/set/b"),
    ]
    assert events[0].before == standing(0.9, 1, 1)
    assert events[0].after is None
    assert events[1].before is None


def test_a_row_whose_place_alone_is_another_has_moved():
    event = one(row(0.9, 1, 1), row(0.9, 1, 2))
    assert (event.kind, event.causes) == ("moved", ())


@pytest.mark.parametrize("part", ["predictions", "labels", "card"])
def test_a_changed_row_says_what_it_was_made_of(part):
    assert one(row(0.9, 1, 1), row(0.8, 1, 1, **{part: "other"})).causes == (part,)


def test_a_file_with_other_answers_and_the_same_score_is_a_change():
    assert one(row(0.9, 1, 1), row(0.9, 1, 1, predictions="other")).kind == "changed"


def test_rows_that_another_version_scores_the_same_are_counted_and_not_listed():
    old = board_of(a=row(0.9, 1, 1), b=row(0.8, 2, 2))
    new = board_of(a=row(0.9, 1, 1, version="0.2.0"), b=row(0.8, 2, 2, version="0.2.0"))
    assert [(event.kind, event.count) for event in compare(old, new)] == [("rescored", 2)]


def test_noise_of_floats_is_no_change():
    assert kinds(board_of(a=row(0.3, 1, 1)), board_of(a=row(0.1 + 0.2, 1, 1))) == []


def test_a_value_that_becomes_undefined_is_a_change():
    assert one(row(0.9, 1, 1), row(None, None, None)).kind == "changed"


def test_a_data_set_with_other_labels_is_named():
    old, new = (State(datasets={"set": Named(name="Set", sha256=digit * 64)}) for digit in "ab")
    assert kinds(old, new) == ["dataset changed"]


def test_the_first_build_is_counted_and_later_ones_are_added_before_it():
    first = continued(History(), board_of(a=row(0.9, 1, 1)), T1)
    assert summary(first.builds[0]) == "First build: 1 row of 0 models on 0 data sets."
    second = continued(first, board_of(a=row(0.9, 1, 2), b=row(0.89, 1, 2)), T2)
    assert [build.number for build in second.builds] == [2, 1]
    assert summary(second.builds[0]) == "1 row added, 1 moved."
    assert second.id == first.id


def test_a_build_without_change_adds_nothing():
    first = continued(History(), board_of(a=row(0.9, 1, 1)), T1)
    assert continued(first, board_of(a=row(0.9, 1, 1)), T2) == first


def test_what_is_written_is_what_is_read(tmp_path):
    history = continued(History(), board_of(a=row(0.9, 1, 1)), T1)
    history = continued(history, board_of(b=row(None, None, None)), T2)
    path = tmp_path / "history.json"
    path.write_text(history.text())
    assert read_history(path) == history


def test_the_newest_builds_are_kept_and_the_others_counted(monkeypatch):
    monkeypatch.setattr("matdisc.leaderboard.site.history.MOST_BUILDS", 2)
    history = History()
    for n in range(5):
        history = continued(history, board_of(a=row(n / 10, 1, 1)), f"2026-01-0{n + 1}T00:00:00Z")
    assert [build.number for build in history.builds] == [5, 4]
    assert history.older.model_dump() == {"builds": 3, "events": 2, "until": "2026-01-03T00:00:00Z"}


def test_a_history_of_many_bytes_is_cut_but_for_the_newest_build(monkeypatch):
    monkeypatch.setattr("matdisc.leaderboard.site.history.MOST_BYTES", 10)
    first = continued(History(), board_of(a=row(0.1, 1, 1)), T1)
    second = continued(first, board_of(a=row(0.2, 1, 1)), T2)
    assert [build.number for build in second.builds] == [2]
    assert second.older.builds == 1


def event(name, kind, before, after):
    return Event(kind=kind, key=f"discovery/set/{name}", model=name, name=name, before=before, after=after)


def why(*events):
    build = Build(number=2, time=T2, matdisc="0.1.0", events=events)
    (table,) = changes_in(build, NOTHING).tables
    return {row.name: row.why for row in table.rows}


def test_a_move_names_the_row_that_came_above_and_not_the_one_that_came_below():
    moved = event("old", "moved", standing(0.8, 1, 1), standing(0.8, 2, 2))
    best = event("best", "added", None, standing(0.9, 1, 1))
    last = event("last", "added", None, standing(0.1, 3, 3))
    assert why(moved, best, last)["old"] == "best was added"


def test_rows_that_push_another_are_named_together_up_to_three_of_a_kind():
    moved = event("old", "moved", standing(0.8, 1, 1), standing(0.8, 7, 7))
    added = [event(f"new{i}", "added", None, standing(0.9, i, i)) for i in range(1, 6)]
    changed = event("better", "changed", standing(0.1, 2, 2), standing(0.95, 6, 6))
    assert why(moved, *added, changed)["old"] == "new1, new2, new3 and 2 more were added; better changed"


def test_a_row_rises_when_one_above_it_is_withdrawn():
    gone = event("gone", "withdrawn", standing(0.9, 1, 1), None)
    rises = event("rises", "moved", standing(0.8, 2, 2), standing(0.8, 1, 1))
    assert why(gone, rises)["rises"] == "gone was withdrawn"
    assert _pushes(gone, rises.before, rises.after)


def test_a_move_without_other_rows_says_that_the_ranking_was_computed_anew():
    assert why(event("a", "moved", standing(0.8, 1, 2), standing(0.8, 2, 2))) == {"a": "ranking computed anew"}


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [((3, 5), (4, 6), "down"), ((4, 6), (3, 5), "up"), ((2, 4), (1, 5), "wider"), ((1, 5), (2, 4), "narrower")],
)
def test_a_move_has_a_word(before, after, word):
    moved = event("a", "moved", standing(0.8, *before), standing(0.8, *after))
    (table,) = changes_in(Build(number=2, time=T2, matdisc="0.1.0", events=(moved,)), NOTHING).tables
    assert table.rows[0].move.word == word


def test_the_changes_of_a_model_are_those_of_its_rows_and_its_card():
    events = (
        event("net", "added", None, standing(0.9, 1, 1)),
        event("other", "added", None, standing(0.9, 1, 1)),
        Event(kind="model added", key="net", name="Net"),
        Event(kind="dataset added", key="net", name="A data set of the same key"),
    )
    history = History(builds=(Build(number=1, time=T1, matdisc="0.1.0", events=events),))
    assert [event.kind for _, event in changes_of(history, "net")] == ["added", "model added"]


def history_file(site):
    return json.loads((site / "data" / "history.json").read_text())


def later(board, **options):
    return build(board, created=datetime(2026, 10, 1, tzinfo=UTC), **options)


def test_the_page_of_changes_tells_values_places_and_reasons(board):
    build(board)
    place(board, result("lattice-gp", f1=0.96, mae=0.1))
    write(board.root / "models" / "newcomer" / "model.toml", model_card("newcomer", "Newcomer", "1", False))
    page = Page(later(board) / "changes.html")
    assert "1 row changed, 3 moved, 1 model added." in page.words
    assert "0.640 → 0.960" in page.words
    assert "Lattice GP 2026.1 changed" in page.words
    assert {"models/newcomer.html", "models/lattice-gp.html", "datasets/alpha-set.html"} <= {
        a["href"] for a in page.all("a")
    }


def test_the_page_has_no_links_to_models_that_are_gone(board):
    build(board)
    (board.results_dir / "discovery/alpha-set/meshnet-2.json").unlink()
    (board.root / "models/meshnet-2/model.toml").unlink()
    page = Page(later(board) / "changes.html")
    assert "1 row withdrawn" in page.words
    assert "Models withdrawn: MeshNet 2." in page.words
    assert "models/meshnet-2.html" not in {a["href"] for a in page.all("a")}


def test_a_board_built_twice_has_one_history(board):
    first = (build(board) / "data" / "history.json").read_bytes()
    assert (later(board) / "data" / "history.json").read_bytes() == first


def test_an_empty_board_has_a_history_too(tmp_path):
    from matdisc.board import Board

    assert "First build: 0 rows of 0 models on 0 data sets." in Page(build(Board(tmp_path)) / "changes.html").words


@pytest.mark.parametrize("text", ["{", '{"schema": "other/1"}', '{"schema": "matdisc.history/1", "builds": 3}', "\x00"])
def test_a_history_that_cannot_be_read_is_kept_beside_and_begins_anew(board, text):
    site = build(board)
    (site / "data" / "history.json").write_text(text)
    said = []
    later(board, say=said.append)
    (kept,) = site.parent.glob("_site.history-*.broken")
    assert kept.read_text() == text
    assert str(kept) in said[0]
    assert "history.json" in said[0]
    assert [one["time"] for one in history_file(site)["builds"]] == ["2026-10-01T00:00:00Z"]


def test_a_build_elsewhere_goes_on_with_the_history_that_is_given(board, tmp_path):
    before = read_history(build(board))
    place(board, result("lattice-gp", f1=0.96, mae=0.1))
    site = build(board, tmp_path / "elsewhere", since=before)
    assert [one["number"] for one in history_file(site)["builds"]] == [2, 1]


def test_a_history_that_is_not_there_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(DataError, match="--since none"):
        read_history(tmp_path / "nothing.json")


def test_a_site_without_history_and_no_site_have_an_empty_one(tmp_path):
    assert history_of(tmp_path) == history_of(tmp_path / "nothing") == History()


def test_builds_on_one_earlier_history_are_one_entry(board):
    before = read_history(build(board))
    for f1 in (0.7, 0.96):
        place(board, result("lattice-gp", f1=f1, mae=0.1))
        site = later(board, since=before)
    assert [one["number"] for one in history_file(site)["builds"]] == [2, 1]


def test_all_builds_of_one_evaluation_are_one_entry(board):
    build(board)
    grown = GrowingSite(board)
    for f1 in (0.7, 0.96):
        place(board, result("lattice-gp", f1=f1, mae=0.1))
        grown.refresh()
    newest, first = history_file(board.site_dir)["builds"]
    assert (newest["number"], first["number"]) == (2, 1)
    assert [one["after"]["value"] for one in newest["events"] if one["model"] == "lattice-gp"] == [0.96]
