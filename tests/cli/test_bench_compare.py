"""Ratios of two reports: what has become slower by more than its spread and the tolerance ends with exit code 1."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from matdisc.cli import main
from matdisc.cli.bench import SCHEMA, drifts, read_report

ROOT = Path(__file__).parent.parent.parent
MACHINE = {
    "cpu": "fast", "cores": 2, "memory_gib": 8.0, "python": "3.11", "packages": {"numpy": "2"},
    "load_average": [0.5, 0.4, 0.3],
}  # fmt: skip


@pytest.fixture
def write(tmp_path):
    """Write a report: `write(name, {what: (better, numerators)}, **facts)`; each denominator is 1 s."""

    def written(name, ratios, **facts):
        rows = [
            {"part": "reading", "what": what, "better": better, "seconds": [[x, 1.0] for x in numerators]}
            for what, (better, numerators) in ratios.items()
        ]
        head = {"schema": SCHEMA, "date": "2026-01-02T03:04:05+00:00", "commit": "abc", "changed": False}
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps({**head, "machine": {**MACHINE, **facts}, "ratios": rows}))
        return path

    return written


def compared(monkeypatch, old, new, *options):
    monkeypatch.setattr(sys, "argv", ["matdisc", "bench", "compare", str(old), str(new), *options])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code


@pytest.mark.parametrize(
    ("better", "before", "now", "code", "verdict"),
    [
        ("higher", [10.0], [8.0], 1, "worse"),  # the same work takes 1.25 times as long
        ("higher", [10.0], [8.4], 0, "moved"),
        ("higher", [10.0], [12.6], 0, "better"),
        ("lower", [10.0], [12.1], 1, "worse"),
        ("lower", [10.0], [8.0], 0, "better"),
        ("lower", [9.0, 10.0, 13.0], [12.5, 14.0, 15.0], 0, "within its spread"),
        ("lower", [9.0, 10.0, 11.0], [12.5, 14.0, 15.0], 1, "worse"),
    ],
)
def test_a_ratio_is_worse_beyond_its_spread_and_the_tolerance(
    write, monkeypatch, capsys, better, before, now, code, verdict
):
    old, new = write("old", {"a / b": (better, before)}), write("new", {"a / b": (better, now)})
    assert compared(monkeypatch, old, new) == code
    said = capsys.readouterr().out
    assert verdict in said
    assert ("1 of 1 worse by more than 20 %: a / b" in said) == bool(code)


def test_the_tolerance_can_be_chosen(write, monkeypatch):
    old, new = write("old", {"a / b": ("lower", [10.0])}), write("new", {"a / b": ("lower", [11.0])})
    assert compared(monkeypatch, old, new, "--tolerance", "5") == 1
    assert compared(monkeypatch, old, new, "--tolerance", "15") == 0


def test_the_worst_comes_first_and_medians_are_compared(write):
    old = write("old", {"a": ("higher", [1.0, 2.0, 9.0]), "b": ("lower", [1.0])})
    new = write("new", {"a": ("higher", [4.0, 4.0, 4.0]), "b": ("lower", [3.0])})
    found = drifts(read_report(old), read_report(new))
    assert [(drift.new.what, drift.worse) for drift in found] == [("b", pytest.approx(200)), ("a", pytest.approx(-50))]


def test_another_machine_and_ratios_of_one_report_alone_are_named(write, monkeypatch, capsys):
    old = write("old", {"a": ("lower", [1.0]), "b": ("lower", [1.0])})
    new = write("new", {"a": ("lower", [1.0]), "c": ("lower", [1.0])}, cpu="slow", load_average=[9.0, 9.0, 9.0])
    assert compared(monkeypatch, old, new) == 0
    said = capsys.readouterr().out
    assert "cpu: fast before, slow now" in said
    assert "load_average: [0.5, 0.4, 0.3] before, [9.0, 9.0, 9.0] now" in said
    assert "not measured now: reading: b" in said
    assert "not measured before: reading: c" in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "no report of make bench"),
        ("[]", "no report of make bench"),
        ('{"schema": "matdisc.benchmarks/0"}', "schema is 'matdisc.benchmarks/0'"),
    ],
)
def test_a_file_that_is_no_report_is_named(tmp_path, write, monkeypatch, capsys, content, said):
    bad = tmp_path / "bad.json"
    bad.write_text(content)
    assert compared(monkeypatch, bad, write("new", {"a": ("lower", [1.0])})) == 2
    assert f"error: {bad}: {said}" in capsys.readouterr().err


def test_a_time_of_nothing_and_reports_without_a_common_ratio_are_refused(write, monkeypatch, capsys):
    one = write("one", {"a": ("lower", [1.0])})
    assert compared(monkeypatch, write("nothing", {"a": ("lower", [0.0])}), one) == 2
    assert "all have to be above 0" in capsys.readouterr().err
    assert compared(monkeypatch, write("other", {"b": ("lower", [1.0])}), one) == 2
    assert "have no ratio in common" in capsys.readouterr().err


def test_what_a_part_prints_is_what_the_report_holds(tmp_path, capsys):
    from benchmarks.report import Collected, markdown, ratio

    collected = Collected()
    for seconds in (4.0, 6.0):
        ratio("plain / ours", seconds, 2.0, after="; alike")
        collected.take("toy")
    collected.write(tmp_path / "deep" / "report.json")
    assert "4.000 s /   2.0000 s =     2.00; alike" in capsys.readouterr().out
    (one,) = read_report(tmp_path / "deep" / "report.json").ratios
    assert (one.part, one.what, one.better, one.values) == ("toy", "plain / ours", "higher", [2.0, 3.0])
    *_, row = markdown(tmp_path / "deep" / "report.json")
    assert row == "| toy | plain / ours | 5 / 2 | 2.5 | 2 to 3, 2 times | higher |"


def test_the_table_of_the_docs_is_what_the_reference_report_says():
    from benchmarks.report import markdown

    text = (ROOT / "docs" / "results" / "benchmarks.md").read_text()
    for line in markdown(ROOT / "benchmarks" / "results" / "reference.json"):
        assert line in text


def test_help_and_unknown_names_list_the_parts_and_measure_nothing(tmp_path):
    for arguments, code in ((["--help"], 0), (["readin", "--out", str(tmp_path / "x.json")], 2)):
        command = [sys.executable, "-m", "benchmarks", *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == code
        assert "parts: scoring, reading, alloys" in done.stdout + done.stderr
        assert ("no part readin" in done.stderr) == (code == 2)
    assert not (tmp_path / "x.json").exists()


def test_every_part_is_a_module_that_measures_into_a_folder():
    import ast

    parts = import_module("benchmarks.__main__")
    modules = {part: f"{part.replace('-', '_')}.py" for part in parts.PARTS}
    programs = {name: f"{module}.py" for name, (module, _) in parts.PROGRAMS.items()}
    for wanted, name in ((modules, "measure"), (programs, "main")):
        for file in wanted.values():
            tree = ast.parse((ROOT / "benchmarks" / file).read_text())
            (found,) = [one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name == name]
            most = len(found.args.args)
            assert most - len(found.args.defaults) <= 1 <= most  # it can be called with one argument
