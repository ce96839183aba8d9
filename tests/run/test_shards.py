"""A run in parts: what each part is asked, and that the joined file is the one that a single run writes."""

import json

import pytest
from typer.testing import CliRunner

from matdisc.cli.app import app
from matdisc.errors import RunError
from matdisc.run import predict
from matdisc.run.merge import merge, parts_on_board
from matdisc.run.predict import provenance_path
from matdisc.run.shards import Shard, parsed_shard
from matdisc.schema import Sample
from matdisc.testing import cubic_crystal

SET = "emt-alloys"
N = 3


def material(name, atoms):
    return Sample(name, {"crystal": cubic_crystal(["Cu"] * atoms, 4.0)}, {}, "Cu")


def run_parts(board, model, limit=None, total=N):
    return [
        predict(board, model, "discovery", SET, limit=limit, workers=0, shard=Shard(number, total)).out
        for number in range(1, total + 1)
    ]


def without_times(path):
    """Rows of a predictions file without the seconds, which differ from run to run."""
    import pandas as pd

    return pd.read_csv(path, dtype=str, keep_default_na=False).drop(columns="seconds")


@pytest.fixture(scope="module")
def parts_of_emt(_shipped, tmp_path_factory):
    """A board on which three parts of a run about 31 materials are done."""
    import shutil

    from matdisc.board import Board

    board = Board(tmp_path_factory.mktemp("parts") / "board")
    shutil.copytree(_shipped.root, board.root)
    run_parts(board, "emt", limit=31)
    return board


@pytest.fixture
def divided(parts_of_emt, tmp_path):
    import shutil

    from matdisc.board import Board

    shutil.copytree(parts_of_emt.root, tmp_path / "divided")
    return Board(tmp_path / "divided")


def files_of(board):
    return parts_on_board(board, "discovery", SET, "emt")


def test_parts_are_disjoint_complete_in_order_and_alike_in_atoms():
    samples = [material(f"m{i}", atoms) for i, atoms in enumerate((1, 5, 2, 4, 3, 1, 4))]
    parts = [Shard(number, 3).part(samples) for number in (1, 2, 3)]
    ids = [[s.material_id for s in part] for part in parts]
    assert sorted([name for part in ids for name in part]) == [f"m{i}" for i in range(7)]
    assert all(part == sorted(part) for part in ids)
    atoms = [sum(len(s.inputs["crystal"].symbols) for s in part) for part in parts]
    assert max(atoms) - min(atoms) < 5


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0", "-1/3"])
def test_a_part_that_does_not_exist_is_refused_with_an_example(text):
    with pytest.raises(RunError, match="--shard 3/8"):
        parsed_shard(text)


def test_the_joined_file_is_that_of_one_run(divided):
    from matdisc.leaderboard.results import run_provenance

    merged = merge(divided, files_of(divided))
    whole = predict(
        divided, "emt", "discovery", SET, limit=31, workers=0, restart=True, out=divided.root / "one.csv.gz"
    )
    assert without_times(merged.out).equals(without_times(whole.out))
    said = json.loads(provenance_path(merged.out).read_text())
    expected = json.loads(provenance_path(whole.out).read_text())
    assert {k: said[k] for k in said if k not in ("cost", "predictions_sha256")} == {
        k: expected[k] for k in expected if k not in ("cost", "predictions_sha256")
    }
    assert said["cost"].keys() == expected["cost"].keys()
    assert run_provenance(merged.out, said["predictions_sha256"]) == said


def test_after_joining_nothing_is_asked_again_and_the_file_is_the_same_byte_for_byte(divided):
    merged = merge(divided, files_of(divided))
    joined = merged.out.read_bytes()
    again = predict(divided, "emt", "discovery", SET, limit=31, workers=0)
    assert (again.computed, again.reused, again.out) == (0, 31, merged.out)
    assert again.out.read_bytes() == joined


def test_a_whole_dataset_in_parts_lands_where_one_run_puts_it(board):
    run_parts(board, "dummy-mean", total=2)
    merged = merge(board, parts_on_board(board, "discovery", SET, "dummy-mean"))
    assert merged.out == board.predictions_dir / "discovery" / SET / "dummy-mean.csv.gz"
    assert merged.counts.total() == len(without_times(merged.out)) > 100


def test_a_part_may_be_empty_and_a_part_may_fail_as_a_whole(board, add_toy):
    key = add_toy("broken", "misbehaving", how="raise", symbol="Au")
    total = 14
    files = run_parts(board, key, limit=12, total=total)
    merged = merge(board, files)
    whole = predict(board, key, "discovery", SET, limit=12, workers=0, restart=True, out=board.root / "one.csv")
    assert without_times(merged.out).equals(without_times(whole.out))
    assert merged.counts["failed"] == whole.counts["failed"] > 0


def test_parts_that_all_fail_are_no_answer_and_nothing_is_written(board, add_toy):
    key = add_toy("raises", "misbehaving", how="raise", symbol="Ag")
    files = run_parts(board, key, limit=4, total=2)
    merged = merge(board, files)
    assert "all 4 materials failed" in merged.trouble
    assert not merged.out.exists()


def test_a_missing_part_is_named_with_the_option_that_makes_it(divided):
    with pytest.raises(RunError, match=r"1 of 3 parts are missing: 2/3; run each with --shard, e\.g\. --shard 2/3"):
        merge(divided, [path for path in files_of(divided) if "shard-2" not in path.name])


def test_a_part_named_twice_is_refused(divided):
    with pytest.raises(RunError, match="the same part"):
        merge(divided, [*files_of(divided), files_of(divided)[0]])


def test_a_changed_file_is_refused(divided):
    files_of(divided)[1].write_bytes(files_of(divided)[0].read_bytes())
    with pytest.raises(RunError, match="was changed after the run wrote it"):
        merge(divided, files_of(divided))


@pytest.mark.parametrize("key", ["model_sha256", "dataset_sha256", "protocol", "matdisc", "limit"])
def test_parts_of_different_runs_are_refused_by_name_of_what_differs(divided, key):
    beside = provenance_path(files_of(divided)[2])
    beside.write_text(json.dumps(json.loads(beside.read_text()) | {key: "other"}))
    with pytest.raises(RunError, match=f"{key} is .* and 'other'"):
        merge(divided, files_of(divided))


def rewritten(path, change):
    """Let a part say other rows, as if the run had written them."""
    import gzip
    import hashlib

    lines = gzip.decompress(path.read_bytes()).decode().splitlines(keepends=True)
    data = gzip.compress("".join(change(lines)).encode(), mtime=0)
    path.write_bytes(data)
    said = json.loads(provenance_path(path).read_text())
    provenance_path(path).write_text(json.dumps(said | {"predictions_sha256": hashlib.sha256(data).hexdigest()}))


def test_a_missing_and_a_doubled_material_are_named(divided):
    first = files_of(divided)[0]
    material_id = without_times(first)["material_id"][1]
    rewritten(first, lambda lines: [*lines, lines[2]])
    with pytest.raises(RunError, match=f"{material_id!r} is there twice"):
        merge(divided, files_of(divided))
    rewritten(first, lambda lines: [line for i, line in enumerate(lines) if i not in (2, len(lines) - 1)])
    with pytest.raises(RunError, match=f"lacks 1 materials, e.g. '{material_id}'"):
        merge(divided, files_of(divided))


def test_a_file_that_is_no_part_is_refused(divided):
    whole = predict(divided, "emt", "discovery", SET, limit=3, workers=0)
    with pytest.raises(RunError, match="no part of a run"):
        merge(divided, [whole.out])


def test_two_ways_of_dividing_are_not_mixed(divided):
    predict(divided, "emt", "discovery", SET, limit=31, workers=0, shard=Shard(1, 5))
    with pytest.raises(RunError, match="3 of 3, 1 of 5"):
        files_of(divided)


def test_the_commands_run_a_part_go_on_with_it_and_join(divided):
    def command(*arguments):
        done = CliRunner().invoke(app, [*arguments, "--board", str(divided.root)])
        assert done.exit_code == 0, done.output
        return done.output

    again = command("predict", "emt", "discovery", "-d", SET, "--limit", "31", "-w", "0", "--shard", "3/3")
    assert "emt.shard-3-of-3.csv.gz" in again
    assert "(0 asked now, 10 reused)" in again
    record = divided.runs_dir / "discovery" / SET / "emt.shard-3-of-3" / "records.jsonl"
    record.write_bytes(b"".join(record.read_bytes().splitlines(keepends=True)[:4]))
    resumed = command("runs", "resume", f"discovery/{SET}/emt.shard-3-of-3")
    assert "emt.shard-3-of-3.csv.gz" in resumed
    said = command("merge", "--task", "discovery", "--dataset", SET, "--model", "emt")
    assert said.startswith("emt: 31 ok")
    assert "run with: matdisc " in said
