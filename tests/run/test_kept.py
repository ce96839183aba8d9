"""Materials that take hours: their folders, their time limits, and what a user hears of them."""

import threading
import time
from dataclasses import replace

import pytest

from matdisc.board import Board, shipped_board
from matdisc.datasets import load
from matdisc.physics.drivers import TimedOut
from matdisc.run.engine import kept, worker
from matdisc.run.engine.kept import held, in_words, kept_folder, set_aside, telling_headway
from matdisc.run.engine.limits import MachineTrouble
from matdisc.tasks.electrolytes.task import ELECTROLYTES
from matdisc.tasks.headway import Headway, write_headway
from matdisc.tasks.task import Outcome


@pytest.fixture(scope="module")
def asked():
    board = Board(shipped_board())
    model = board.model("emt").model_copy(update={"elements": ()})
    return model, load(board, "electrolytes-mini").samples[0].without_target()


def _changed(sample, **settings):
    rule = dict(sample.inputs["electrolytes"]) | settings
    return replace(sample, inputs=dict(sample.inputs) | {"electrolytes": rule})


def test_anything_that_work_follows_from_gives_it_another_folder(asked, tmp_path):
    model, sample = asked
    weights = tmp_path / "weights.bin"
    weights.write_bytes(b"1")
    ours = model.model_copy(update={"options": {"model": str(weights)}})
    folders = [
        kept_folder(tmp_path, model, sample),
        kept_folder(tmp_path, model.model_copy(update={"version": "2"}), sample),
        kept_folder(tmp_path, model, _changed(sample, seed=1)),
        kept_folder(tmp_path, model, _changed(sample, timestep=1.0)),
        kept_folder(tmp_path, model, _changed(sample, hydrogen_mass=3.0)),
        kept_folder(tmp_path, model, replace(sample, inputs=dict(sample.inputs) | {"properties": "density"})),
        kept_folder(tmp_path, ours, sample),
    ]
    weights.write_bytes(b"2")
    folders.append(kept_folder(tmp_path, ours, sample))
    assert len(set(folders)) == len(folders)
    assert kept_folder(tmp_path, model, sample) == folders[0]
    assert folders[0].name.startswith("EC-")


def test_a_folder_is_one_process_s_at_a_time(tmp_path):
    with held(tmp_path / "EC"), pytest.raises(MachineTrouble, match="another process"), held(tmp_path / "EC", 0.1):
        pass
    with held(tmp_path / "EC", 0.1):
        pass


def test_what_is_begun_anew_is_set_aside_and_not_lost(tmp_path):
    for number in (1, 2):
        (tmp_path / "materials").mkdir()
        (tmp_path / "materials" / "note").write_text(str(number))
        set_aside(tmp_path / "materials")
    assert [(tmp_path / f"materials.{i}.old" / "note").read_text() for i in (1, 2)] == ["1", "2"]
    set_aside(tmp_path / "materials")


def _answer(monkeypatch, asked, tmp_path, resume, **job):
    monkeypatch.setattr(worker, "TASKS", {"electrolytes": replace(ELECTROLYTES, resume=resume)})
    one = worker.Job(asked[0], "electrolytes", None, 0.0, kept=tmp_path, **job)
    batches = list(worker.answer_unit(one, worker.WorkUnit((asked[1],))))
    return one, next(p for batch in batches for p in batch.predictions)


def test_a_time_limit_holds_for_each_evaluation_where_work_goes_on_from_checkpoints(monkeypatch, asked, tmp_path):
    from ase.build import bulk

    def patient(sample, model, folder):
        for _ in range(6):
            time.sleep(0.1)
            yield bulk("Cu")
        (folder / "done").touch()
        return Outcome({"simulated_ps": 1.0, "completed": 1.0}, earlier_seconds=1000.0)

    job, answer = _answer(monkeypatch, asked, tmp_path, patient, timeout=0.4)
    assert answer.status == "ok"
    assert answer.seconds > 1000.4
    assert job.silence is None
    assert next(tmp_path.glob("EC-*/done"))


def test_an_evaluation_that_takes_too_long_says_how_to_go_on(monkeypatch, asked, tmp_path):
    def stuck(sample, model, folder):
        raise TimedOut
        yield

    _, answer = _answer(monkeypatch, asked, tmp_path, stuck, timeout=600.0)
    assert answer.status == "timed_out"
    assert "a greater --timeout goes on" in answer.error


def test_a_node_that_does_not_see_the_folder_keeps_nothing(monkeypatch, asked, tmp_path):
    def at_once(*arguments):
        return Outcome({"simulated_ps": 1.0, "completed": 1.0})
        yield

    monkeypatch.setattr(worker, "TASKS", {"electrolytes": replace(ELECTROLYTES, simulate=at_once, resume=None)})
    job = worker.Job(asked[0], "electrolytes", None, 0.0, kept=tmp_path / "elsewhere")
    batches = worker.answer_unit(job, worker.WorkUnit((asked[1],)))
    assert [p.status for batch in batches for p in batch.predictions] == ["ok"]
    assert not (tmp_path / "elsewhere").exists()


def _headway(**other):
    return Headway(**({"material_id": "EC", "done": 35.0, "total": 1140.0, "unit": "ps", "seconds": 9.0} | other))


def test_headway_is_told_in_a_few_words():
    assert in_words(_headway()) == "EC 35 of 1140 ps"
    assert in_words(_headway(left=7560.0)) == "EC 35 of 1140 ps (about 2.1 h left)"


def test_a_user_hears_each_note_once_and_how_far_a_material_is_now_and_then(monkeypatch, tmp_path):
    monkeypatch.setattr(kept, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(kept, "LEAST_SECONDS", 0.05)
    said, heard = [], threading.Event()

    def say(line):
        said.append(line)
        heard.set()

    (tmp_path / "EC").mkdir()
    (tmp_path / "PC").mkdir()
    write_headway(tmp_path / "PC", _headway(material_id="PC"))
    time.sleep(0.05)  # of an earlier run
    with telling_headway(tmp_path, say):
        write_headway(tmp_path / "EC", _headway())
        assert heard.wait(5)
        time.sleep(0.3)
        write_headway(tmp_path / "EC", _headway(done=1140.0, ended=True, notes=("density 1.3 ± 0.1",)))
    assert said == ["EC 35 of 1140 ps", "EC: density 1.3 ± 0.1"]
