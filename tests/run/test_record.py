"""The durable record: what a crash can cost, and what it cannot."""

import json

import pytest

from matdisc.errors import RunError
from matdisc.run.record import Record
from matdisc.run.usage import Usage, total
from matdisc.schema import Prediction

SETTINGS = {"model": "m", "dataset_sha256": "0" * 64}
ONE = Prediction("a", {"e_form_per_atom": -0.1}, "ok", "", 0.5, 3)
TWO = Prediction("b", {}, "failed", "ValueError: no", 0.1, None)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "records.jsonl"


def test_answers_outlive_the_process_that_wrote_them(path):
    with Record(path, SETTINGS) as record:
        record.add([ONE, TWO])
    with Record(path, SETTINGS) as record:
        assert record.done == {"a": ONE, "b": TWO}


def test_a_line_cut_off_by_a_crash_costs_that_answer_only(path):
    with Record(path, SETTINGS) as record:
        record.add([ONE, TWO])
    path.write_bytes(path.read_bytes()[:-10])
    with Record(path, SETTINGS) as record:
        assert record.done == {"a": ONE}
        record.add([TWO])
    with Record(path, SETTINGS) as record:
        assert record.done == {"a": ONE, "b": TWO}


def test_a_material_keeps_its_first_answer(path):
    with Record(path, SETTINGS) as record:
        record.add([ONE])
        record.add([Prediction("a", {"e_form_per_atom": 99.0})])
        assert record.done["a"] == ONE
    assert len(path.read_text().splitlines()) == 2


def test_other_settings_are_refused_until_the_old_record_is_set_aside(path):
    with Record(path, SETTINGS) as record:
        record.add([ONE])
    other = {**SETTINGS, "dataset_sha256": "1" * 64}
    with pytest.raises(RunError, match=r"started with dataset_sha256 = '000.*--restart"):
        Record(path, other)
    with Record(path, other, restart=True) as record:
        assert record.done == {}
    (backup,) = path.parent.glob("*.old")
    assert json.loads(backup.read_text().splitlines()[1])["material_id"] == "a"


def test_two_processes_never_write_one_record(path):
    with Record(path, SETTINGS), pytest.raises(RunError, match="another matdisc process"):
        Record(path, SETTINGS)


def test_a_damaged_line_is_named(path):
    with Record(path, SETTINGS) as record:
        record.add([ONE, TWO])
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "{broken", lines[2]]) + "\n")
    with pytest.raises(RunError, match="line 2: damaged"):
        Record(path, SETTINGS)


def test_a_worker_names_its_machine_once_and_its_use_adds_up(path):
    machine = {"cpu": "fast"}
    with Record(path, SETTINGS) as record:
        for _ in range(3):
            record.add(
                [], [Usage("host:1", 2.0, 3.0, 0.5, 100.0, machine), Usage("host:2", 1.0, 1.0, 0.0, 50.0, machine)]
            )
    assert path.read_text().count("fast") == 2
    with Record(path, SETTINGS) as record:
        found = total(record.usages.values())
    assert (found["cpu_seconds"], found["worker_seconds"], found["load_seconds"]) == (9.0, 12.0, 1.5)
    assert (found["peak_mib"], found["workers"], found["machines"]) == (100.0, 2, [machine])
