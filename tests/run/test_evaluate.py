"""What a whole board is asked: cheap runs first, what is left out in a line each, and one line a table at the end."""

import json
import re
import threading
from functools import cache

import pytest

from matdisc.cli import main
from matdisc.cli.growing import WIDTH, GrowingSite, leaders, one_after_the_other
from matdisc.errors import CardError
from matdisc.models import installed
from matdisc.run.evaluate import estimated_seconds, steps, time_left
from matdisc.run.families import is_family
from matdisc.tasks import TASKS


@pytest.fixture(scope="module")
def plan(_shipped):
    """The plan of the shipped board, quick or full, each made once: nothing here changes that board."""
    return cache(lambda full=False: steps(_shipped, None, None, None, None, full=full))


def test_cheap_runs_come_first(plan):
    found, _ = plan()
    assert [step.seconds for step in found] == sorted(step.seconds for step in found)
    assert found[-1].seconds > 5 * found[0].seconds


def test_the_control_row_of_a_dataset_is_its_first(plan):
    found, _ = plan(full=True)
    alloys = [step.model for step in found if step.task == "alloys"]
    assert alloys[0] == TASKS["alloys"].scoring.control


@pytest.mark.parametrize(
    ("cheap", "costly"),
    [
        (("dummy-mean", "discovery", "emt-alloys"), ("composition-rf", "discovery", "emt-alloys")),
        (("emt", "discovery", "emt-alloys"), ("chgnet-0.3.0", "discovery", "emt-alloys")),
        (("chgnet-0.3.0", "relaxation", "emt-alloys"), ("chgnet-0.3.0", "dynamics", "dynamics-metals")),
        (("get-mini", "electrolytes", "electrolytes-mini"), ("get-mini", "electrolytes", "electrolytes")),
        (("alloys-forest", "alloys", "alloys-demo"), ("alloys-forest", "alloys", "synthetic-miedema")),
    ],
)
def test_a_run_that_takes_longer_is_estimated_longer(board, cheap, costly):
    first, second = (estimated_seconds(board.model(m), task, board.dataset(d)) for m, task, d in (cheap, costly))
    assert first < second


def test_the_time_left_goes_by_the_pace_so_far(plan):
    found, _ = plan()
    before, after = (sum(step.seconds for step in part) for part in (found[:-9], found[-9:]))
    assert time_left(found, len(found) - 9, 60 * before) == f", about {after:.0f} min left"
    assert time_left(found, len(found) - 9, 0.5 * before) == f", about {0.5 * after:.0f} s left"


@pytest.mark.parametrize(("done", "elapsed"), [(0, 100.0), (20, 19.9)])
def test_no_time_is_told_before_there_is_a_pace(plan, done, elapsed):
    assert time_left(plan()[0], done, elapsed) == ""


def test_models_that_are_not_installed_share_one_line(board, plan):
    found, left_out = plan()
    said = [line for line in left_out if "not installed" in line]
    missing = [card for key in board.model_keys() if (card := board.model(key)).loader and not installed(card)]
    assert len(said) == bool(missing)
    for card in missing:
        assert card.extra in re.search(r"matdisc\[(.*?)\]", said[0])[1].split(",")
    assert not {card.key for card in missing} & {step.model for step in found}


def test_who_names_a_model_that_is_not_installed_reads_how_to_have_it(board, add_toy):
    key = add_toy("absent", "misbehaving")
    path = board.models_dir / key / "model.toml"
    path.write_text('packages = ["no_such_package"]\nextra = "orb"\n' + path.read_text())
    _, left_out = steps(board, [key], ["discovery"], ["emt-alloys"], None)
    assert len(left_out) == 1
    assert left_out[0].startswith(f"{key}: not installed; pip install 'matdisc[orb]' adds them")


def test_the_default_board_has_the_quick_models_of_a_dataset_and_the_full_one_all(board, plan):
    few, left_out = plan()
    full, none_left = plan(full=True)
    apart = {(step.model, step.dataset) for step in full} - {(step.model, step.dataset) for step in few}
    assert apart
    for model, dataset in apart:
        assert board.dataset(dataset).quick or is_family(board.model(model))
        assert model not in board.dataset(dataset).quick
    assert {step.model for step in few if step.dataset == "dynamics-metals"} <= set(
        board.dataset("dynamics-metals").quick
    )
    assert any(line.startswith(f"{len(full) - len(few)} runs that take long") and "--full" in line for line in left_out)
    assert not any("--full" in line for line in none_left)


def _asked(found, model):
    return {(step.task, step.dataset) for step in found if step.model == model}


def test_families_are_trained_on_request_and_where_there_are_formation_energies(board, plan):
    trained = "voronoi-forest"
    quick, full = (_asked(plan(full=one)[0], trained) for one in (False, True))
    assert quick == set()
    assert full == {("discovery", "emt-alloys")}
    found, left_out = steps(board, [trained], ["discovery", "polymorphs"], ["elements", "emt-alloys"], None)
    assert _asked(found, trained) == {("discovery", "emt-alloys")}
    assert [line for line in left_out if "has none" in line] == [
        "voronoi-forest on elements (polymorphs): a family learns from formation energies, and the dataset has none"
    ]


def test_a_family_that_learnt_elsewhere_is_asked_where_there_are_no_formation_energies(board):
    found, _ = steps(board, ["voronoi-forest-binaries"], ["polymorphs"], ["elements"], None)
    assert _asked(found, "voronoi-forest-binaries") == {("polymorphs", "elements")}


def test_a_dataset_that_is_on_request_is_in_neither_board(board, plan):
    on_request = {key for key in board.dataset_keys() if board.dataset(key).on_request}
    assert on_request
    assert not on_request & {step.dataset for step in plan(full=True)[0]}


def test_a_task_whose_datasets_are_all_on_request_names_them(board):
    with pytest.raises(CardError, match=r"electrolytes-small: on request.* name one with --dataset"):
        steps(board, ["get-mini"], ["electrolytes"], None, None)


def test_every_task_with_embedded_datasets_that_are_not_on_request_is_on_the_default_board(board, plan):
    cards = [board.dataset(key) for key in board.dataset_keys()]
    quick = [card for card in cards if not card.on_request and all(file.embedded for file in card.files)]
    expected = {task for card in quick for task in card.tasks}
    assert {"discovery", "relaxation", "static", "dynamics", "alloys"} < expected
    assert {step.task for step in plan()[0]} == expected


@pytest.mark.parametrize("named", [(["chgnet-0.3.0"], None), (None, ["dynamics-metals"])])
def test_a_model_that_is_not_quick_comes_where_it_or_the_dataset_is_named(board, named):
    found, _ = steps(board, named[0], ["dynamics"], named[1], None)
    assert ("chgnet-0.3.0", "dynamics-metals") in {(step.model, step.dataset) for step in found}


def test_all_models_that_a_card_calls_quick_are_on_the_board(board):
    quick = {model for key in board.dataset_keys() for model in board.dataset(key).quick}
    assert quick
    assert quick <= set(board.model_keys())


@pytest.fixture
def evaluated(board, capsys, monkeypatch):
    """Output and errors of a small evaluation."""

    def evaluated(*more):
        words = ["evaluate", "emt", "-d", "emt-alloys", "-t", "discovery", "-w", "0", "--board", str(board.root), *more]
        monkeypatch.setattr("sys.argv", ["matdisc", *words])
        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code
        return capsys.readouterr()

    return evaluated


def test_an_evaluation_ends_with_one_line_for_each_table(evaluated):
    lines = evaluated("--no-site").out.splitlines()
    assert lines[0] == "discovery: leaders by F1 (95 % interval)"
    assert lines[1].split()[:3] == ["emt-alloys", "emt", "1.000"]
    assert len(lines) == 2


@pytest.mark.slow
def test_a_second_evaluation_asks_nothing_again(board, evaluated):
    evaluated("--no-site")
    record = board.runs_dir / "discovery" / "emt-alloys" / "emt" / "records.jsonl"
    before = record.read_bytes()
    assert evaluated("--no-site").out.splitlines()[1].split()[1] == "emt"
    assert record.read_bytes() == before


def write_result(board, entry, value, *, model=None, dataset="emt-alloys", **more):
    path = board.results_dir / "discovery" / dataset / f"{entry}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    metrics = {"f1": {"value": value, "low": None, "high": None} | more}
    path.write_text(json.dumps({"entry": entry, "model": model or entry, "metrics": metrics}))


def test_the_leader_has_the_best_headline_metric_and_is_no_dummy(board):
    for entry, value in (("dummy-mean", 0.9), ("emt", 0.7), ("chgnet-0.3.0", 0.8), ("megnet", None)):
        write_result(board, entry, value, low=0.65, high=0.85)
    assert leaders(board, [("discovery", "emt-alloys")])[1].split() == (
        ["emt-alloys", "chgnet-0.3.0", "0.800", "(0.650–0.850)"]
    )


def test_a_dummy_leads_where_nobody_else_is(board):
    write_result(board, "dummy-mean", 0.9)
    assert leaders(board, [("discovery", "emt-alloys")])[1].split()[1:] == ["dummy-mean", "0.900"]


def test_a_table_without_a_score_has_no_line(board):
    write_result(board, "emt", None)
    assert leaders(board, [("discovery", "emt-alloys"), ("discovery", "wbm-sample")]) == []


def test_each_task_of_the_closing_table_names_its_metric_once(board):
    path = board.results_dir / "dynamics" / "dynamics-metals" / "emt.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"entry": "emt", "model": "emt", "metrics": {"drift": {"value": 0.5}}}))
    for dataset in ("elements", "emt-alloys"):
        write_result(board, "emt", 0.7, dataset=dataset)
    tables = [("dynamics", "dynamics-metals"), ("discovery", "emt-alloys"), ("discovery", "elements")]
    lines = leaders(board, tables)
    assert [line for line in lines if not line.startswith("  ")] == [
        "discovery: leaders by F1 (95 % interval)",
        "dynamics: leaders by Significant drift, meV/atom/ps (95 % interval)",
    ]
    assert [line.split() for line in lines if line.startswith("  ")] == [
        ["elements", "emt", "0.700"], ["emt-alloys", "emt", "0.700"], ["dynamics-metals", "emt", "0.500"],
    ]  # fmt: skip


def test_the_closing_table_fits_eighty_columns(board):
    long = "a-model-with-a-name-that-nobody-can-remember"
    for dataset in ("emt-alloys", "a-dataset-with-a-long-name"):
        write_result(board, long, 0.8, dataset=dataset, low=0.65, high=0.85)
    lines = leaders(board, [("discovery", "a-dataset-with-a-long-name"), ("discovery", "emt-alloys")])
    assert [len(line) <= WIDTH for line in lines] == [True] * 3
    assert all("…" in line and "0.800 (0.650–0.850)" in line for line in lines[1:])


def test_the_site_is_not_built_again_before_its_time(board):
    grown = GrowingSite(board)
    grown.add("discovery", "emt-alloys")
    grown.refresh_at_times()
    assert not board.site_dir.exists()
    page = grown.refresh()
    assert page == board.site_dir / "index.html"
    built = page.stat().st_mtime_ns
    grown.refresh_at_times()
    assert page.stat().st_mtime_ns == built


def test_the_site_is_built_again_when_it_is_time(board, monkeypatch):
    monkeypatch.setattr("matdisc.cli.growing.SECONDS", 0.0)
    grown = GrowingSite(board)
    grown.refresh_at_times()
    assert (board.site_dir / "index.html").is_file()


def test_calls_beside_a_block_are_done_in_their_order_before_it_ends():
    done = []
    with one_after_the_other() as beside:
        for number in range(5):
            beside(done.append, number)
    assert done == [0, 1, 2, 3, 4]


def test_an_error_beside_a_block_is_raised_and_calls_after_a_failed_block_are_left_out():
    with pytest.raises(ZeroDivisionError), one_after_the_other() as beside:
        beside(lambda: 1 / 0)
    started, go_on, done = threading.Event(), threading.Event(), []

    def wait():
        started.set()
        go_on.wait(10)
        done.append("first")

    def stopped():
        with one_after_the_other() as beside:
            beside(wait)
            beside(done.append, "second")
            started.wait(10)
            threading.Timer(1, go_on.set).start()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert done == ["first"]
