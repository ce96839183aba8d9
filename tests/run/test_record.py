"""The durable record: what a crash can cost, and what it cannot."""

import errno
import fcntl
import json
import os
import signal
import time

import pytest

from matdisc.errors import RunError
from matdisc.run.engine import usage
from matdisc.run.engine.record import Limits, Record
from matdisc.run.engine.usage import Meter, Usage, total
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


def test_gpus_that_differ_within_a_run_are_all_named_though_workers_see_theirs_late(path, monkeypatch):
    meters = {name: Meter(name, ()) for name in ("host:1", "host:2", "host:3")}
    gpus = {"host:1": "NVIDIA L4, 22.0 GiB", "host:2": "NVIDIA H200, 139.8 GiB", "host:3": "NVIDIA L4, 22.0 GiB"}
    with Record(path, SETTINGS) as record:
        record.add([], [meter.read() for meter in meters.values()])
        for name, meter in meters.items():
            monkeypatch.setattr(usage, "gpu_in_use", lambda name=name: gpus[name])
            record.add([], [meter.read(), meter.read()])
    assert path.read_text().count("NVIDIA L4") == 2
    with Record(path, SETTINGS) as record:
        assert {name: one["machine"]["gpu"] for name, one in record.usages.items()} == gpus
        found = total(record.usages.values())["machines"]
    assert [machine["gpu"] for machine in found] == ["NVIDIA L4, 22.0 GiB", "NVIDIA H200, 139.8 GiB"]


LATE = Prediction("c", {}, "timed_out", "no answer within 1 s", 1.0, None)


def kept_under(path, limits):
    with Record(path, SETTINGS, limits=limits) as record:
        return sorted(record.done)


@pytest.mark.parametrize(
    ("now", "kept"),
    [
        (Limits(1.0, 2.0), "abc"),
        (Limits(0.5, 1.0), "abc"),
        (Limits(1.04, 2.08), "abc"),  # a machine's memory is not quite the same after each start
        (Limits(2.0, 2.0), "ab"),
        (Limits(None, 2.0), "ab"),
        (Limits(1.0, 4.0), "ac"),
        (Limits(1.0, None), "ac"),
        (Limits(9.0, 9.0), "a"),
        (None, "abc"),
    ],
)
def test_a_failure_is_kept_until_there_is_more_of_what_it_lacked(path, now, kept):
    with Record(path, SETTINGS, limits=Limits(1.0, 2.0)) as record:
        record.add([ONE, TWO, LATE])
    assert kept_under(path, now) == list(kept)


def test_a_failure_without_limits_is_asked_again_once(path):
    with Record(path, SETTINGS) as record:
        record.add([ONE, TWO])
    limits = Limits(1.0, 2.0)
    with Record(path, SETTINGS, limits=limits) as record:
        assert sorted(record.done) == ["a"]
        record.add([TWO])
    assert kept_under(path, limits) == ["a", "b"]


def test_of_a_material_that_failed_the_last_answer_counts_and_of_one_that_did_not_the_first(path):
    good, worse = Prediction("b", {"e_form_per_atom": 1.0}), Prediction("a", {}, "failed", "late", 1.0, None)
    with Record(path, SETTINGS, limits=Limits(1.0, 2.0)) as record:
        record.add([ONE, TWO])
    with Record(path, SETTINGS, limits=Limits(1.0, 4.0)) as record:
        record.add([good, worse])
        assert record.done == {"a": ONE, "b": good}
    for limits in (None, Limits(1.0, 2.0), Limits(9.0, 9.0)):
        with Record(path, SETTINGS, limits=limits) as record:
            assert record.done == {"a": ONE, "b": good}


def test_a_run_stopped_before_it_asked_again_still_has_its_failure(path):
    with Record(path, SETTINGS, limits=Limits(1.0, 2.0)) as record:
        record.add([TWO])
    with Record(path, SETTINGS, limits=Limits(1.0, 4.0)) as record:
        assert record.done == {}
    assert kept_under(path, Limits(1.0, 2.0)) == ["b"]


def test_a_full_disk_is_told_with_the_file_and_costs_the_answers_that_found_no_room(path):
    import resource

    with Record(path, SETTINGS) as record:
        record.add([ONE])
    room, hard = path.stat().st_size + 20, resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with Record(path, SETTINGS) as record:
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
            with pytest.raises(RunError, match=r"records.jsonl: answers cannot be written"):
                record.add([TWO])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        signal.signal(signal.SIGXFSZ, before)
    with Record(path, SETTINGS) as record:
        assert record.done == {"a": ONE}
        record.add([TWO])
    with Record(path, SETTINGS) as record:
        assert record.done == {"a": ONE, "b": TWO}


def test_a_disk_that_refuses_to_keep_what_it_took_is_told_and_the_answer_is_not_counted(path, monkeypatch):
    def over_quota(descriptor):
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    with Record(path, SETTINGS) as record:
        record.add([ONE])
        monkeypatch.setattr(os, "fsync", over_quota)
        with pytest.raises(RunError, match=r"records.jsonl: .* Disk quota exceeded; what is done"):
            record.add([TWO])
        assert record.done == {"a": ONE}
    monkeypatch.undo()
    with Record(path, SETTINGS) as record:
        assert record.done["a"] == ONE


def test_a_file_system_without_locks_is_named_and_is_no_other_process(path, monkeypatch):
    def none(file, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    with pytest.raises(RunError, match="cannot be locked: No locks available"):
        Record(path, SETTINGS)


@pytest.mark.parametrize("late", [lambda whole: whole[:-10], lambda whole: whole[:-40] + b"\0" * 40])
def test_data_that_a_shared_file_system_brings_late_is_waited_for(path, monkeypatch, late):
    with Record(path, SETTINGS) as record:
        record.add([ONE, TWO])
    whole = path.read_bytes()
    path.write_bytes(late(whole))
    monkeypatch.setattr(time, "sleep", lambda seconds: path.write_bytes(whole))
    with Record(path, SETTINGS) as record:
        assert record.done == {"a": ONE, "b": TWO}
    assert path.read_bytes() == whole
