"""Time and memory of one material are limited; what the machine lacks is said, and never blamed on a material."""

import errno
import faulthandler
import os
import stat
import subprocess
import sys
import time

import pytest

from matdisc.errors import RunError
from matdisc.physics.drivers import TimedOut
from matdisc.run import inputs, predict
from matdisc.run.engine import cluster, resumable
from matdisc.run.engine.limits import MachineTrouble, Watch, limit_memory, remedy_for_machine, time_limit
from matdisc.run.engine.memory import MARGIN_GIB, TooLittleMemory, held_gib, machine_memory_gib
from matdisc.run.engine.resumable import RunOptions, memory_share, worker_count
from matdisc.schema import Prediction

needs_proc = pytest.mark.skipif(held_gib() is None, reason="this system does not tell what a process holds")


def test_code_that_takes_too_long_is_interrupted():
    started = time.monotonic()
    with pytest.raises(TimedOut), time_limit(0.1):
        time.sleep(10)
    assert time.monotonic() - started < 5


def test_code_in_time_is_left_alone_and_no_alarm_stays_behind():
    with time_limit(0.05):
        pass
    time.sleep(0.1)


def test_one_watch_limits_block_after_block():
    with Watch() as limit:
        for _ in range(3):
            with pytest.raises(TimedOut), limit(0.05):
                time.sleep(10)
            with limit(0.05):
                pass
            with limit(None):
                time.sleep(0.06)


LATER = (
    "import time\nfrom matdisc.run.engine import limits\nlimits.DEADLY_AFTER = 0.3\n"
    "with limits.Watch(deadly=True) as limit:\n"
    "    for _ in range(8):\n        with limit(2.0):\n            time.sleep(0.35)\n"
    "time.sleep(1)\nprint('alive')\n"
)


def test_the_deadly_clock_starts_anew_with_each_block_and_stops_with_the_watch():
    done = subprocess.run([sys.executable, "-c", LATER], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["alive"]


NATIVE = (
    "from matdisc.run.engine import limits\nlimits.DEADLY_AFTER = 0.3\n"
    "with limits.time_limit(0.2, deadly=True):\n    sum(range(10**12))\n"
)


def test_native_code_that_hangs_ends_its_process():
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", NATIVE], capture_output=True, timeout=60)
    assert done.returncode == 1
    assert b"Timeout" in done.stderr
    assert time.monotonic() - started < 30


GREEDY = (
    "from matdisc.run.engine.limits import limit_memory\nlimit_memory(1.0)\n"
    "import numpy as np\n"
    "try:\n    np.ones(300_000_000)\nexcept MemoryError:\n    print('refused')\n"
    "print(np.ones(1_000_000).sum())\n"
)


def test_a_process_is_refused_memory_beyond_its_limit_and_lives_on():
    done = subprocess.run([sys.executable, "-c", GREEDY], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["refused", "1000000.0"]


@needs_proc
def test_the_memory_of_this_machine_holds_this_process_and_is_no_more_than_is_built_in():
    built_in = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    assert held_gib("VmRSS") < machine_memory_gib() <= built_in


CLOCK = (
    "import resource\nfrom matdisc.run.engine import limits, memory\n"
    "soft = int(memory.held_gib() * 2**30) + 2**20\n"
    "resource.setrlimit(resource.RLIMIT_DATA, (soft, resource.RLIM_INFINITY))\n"  # no room for a thread's stack
    "with limits.Watch(deadly=True) as limit, limit(60):\n    print('watched')\n"
    "print(resource.getrlimit(resource.RLIMIT_DATA)[0] == soft)\n"
)


@needs_proc
def test_the_deadly_clock_needs_no_room_below_the_memory_limit():
    done = subprocess.run([sys.executable, "-c", CLOCK], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["watched", "True"], done.stderr


def test_a_clock_that_cannot_be_started_is_the_machine_s_trouble(monkeypatch):
    def no_thread(*arguments, **options):
        raise RuntimeError("unable to start watchdog thread")

    monkeypatch.setattr(faulthandler, "dump_traceback_later", no_thread)
    with pytest.raises(MachineTrouble, match="ulimit -u"), time_limit(60, deadly=True):
        pytest.fail("asked without a clock")


def raised(error):
    try:
        raise error
    except type(error) as caught:
        return caught


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (OSError(errno.EMFILE, "Too many open files", "x"), "ulimit -n"),
        (OSError(errno.ENOSPC, "No space left on device"), "TMPDIR"),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), "ulimit -u"),
        (RuntimeError("can't start new thread"), "ulimit -u"),
        (RuntimeError("unable to open file: [Errno 24] Too many open files"), "ulimit -n"),
        (ModuleNotFoundError("No module named 'dftd3'"), "install"),
        (MemoryError(), "--memory"),  # before the calculator was reached
        (FileNotFoundError(errno.ENOENT, "No such file or directory"), ""),
        (RuntimeError("this potential does not like you"), ""),
        (ValueError("I/O error in section 24"), ""),
        (KeyError("Fe"), ""),
        (TimedOut(), ""),
    ],
)
def test_the_machine_s_errors_are_told_from_a_material_s(error, remedy):
    assert remedy in remedy_for_machine(raised(error))
    assert bool(remedy_for_machine(raised(error))) == bool(remedy)


def test_memory_that_runs_out_in_the_potential_is_the_material_s():
    from ase.build import bulk
    from ase.calculators.emt import EMT

    from matdisc.physics.evaluation import evaluate

    class Greedy(EMT):
        def calculate(self, *args, **kwargs):
            raise MemoryError

    with pytest.raises(MemoryError) as caught:
        evaluate(Greedy(), bulk("Cu"))
    assert remedy_for_machine(caught.value) == ""


@needs_proc
@pytest.mark.parametrize("below", [0.0, 0.5, 0.99])
def test_a_limit_below_what_a_loaded_model_holds_is_refused_with_one_that_would_do(below):
    limit = below * (held_gib() + MARGIN_GIB)
    with pytest.raises(TooLittleMemory, match=r"^a worker holds \d+\.\d\d GiB with m loaded, the limit is ") as caught:
        limit_memory(limit, "m")
    assert held_gib() + MARGIN_GIB <= caught.value.needed_gib <= held_gib() + MARGIN_GIB + 0.2
    assert str(caught.value).endswith(f"give --memory at least {caught.value.needed_gib:.1f}")
    import pickle

    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301  it travels from worker to driver
    assert (str(again), again.needed_gib) == (str(caught.value), caught.value.needed_gib)


SHELL = (
    "import resource\nfrom matdisc.run.engine.limits import limit_memory\n"
    "from matdisc.run.engine.memory import held_gib\n"
    "low = int((held_gib({field!r}) + 0.1) * 2**30)\n"
    "resource.setrlimit(resource.{name}, (low, resource.RLIM_INFINITY))\n"
    "try:\n    limit_memory(None, 'm', in_worker=False)\nexcept Exception as err:\n    print(type(err).__name__, err)\n"
)


@needs_proc
@pytest.mark.parametrize(
    ("name", "field", "remedy"),
    [("RLIMIT_DATA", "VmData", "ulimit -d"), ("RLIMIT_AS", "VmSize", "ulimit -v")],
)
def test_a_low_limit_of_the_shell_is_told_with_the_command_that_raises_it(name, field, remedy):
    code = SHELL.format(name=name, field=field)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("RunError this process holds"), done.stdout + done.stderr
    assert remedy in done.stdout


@needs_proc
def test_a_run_in_this_process_refuses_a_low_limit_and_records_nothing(board):
    with pytest.raises(TooLittleMemory, match=r"this process holds .* with emt loaded, the limit is 0\.10 GiB"):
        predict(board, "emt", "discovery", "emt-alloys", limit=3, workers=0, memory=0.1)
    record = board.runs_dir / "discovery" / "emt-alloys" / "emt" / "records.jsonl"
    assert b"material_id" not in record.read_bytes()
    assert predict(board, "emt", "discovery", "emt-alloys", limit=3, workers=0).counts == {"ok": 3}


@needs_proc
def test_a_limit_in_this_process_ends_with_the_run(board):
    import resource

    before = resource.getrlimit(resource.RLIMIT_DATA)
    run = predict(board, "emt", "discovery", "emt-alloys", limit=3, workers=0, memory=held_gib() + 8)
    assert run.counts == {"ok": 3}
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


@pytest.fixture
def small_machine(monkeypatch):
    """A machine with 8 GiB and four cores, so that workers have 1.6 GiB each."""
    monkeypatch.setattr(resumable, "machine_memory_gib", lambda: 8.0)
    monkeypatch.setattr(os, "sched_getaffinity", lambda who: set(range(4)), raising=False)


def asked_of_large_workers(board, monkeypatch, **options):
    """Ask of workers that hold 3 GiB, and return how many there were and what each was allowed, try by try."""
    tries = []

    def answers(job, schedule, n_workers, environment, say):
        tries.append((n_workers, round(job.memory_gib, 3)))
        if job.memory_gib < 3.0:
            raise TooLittleMemory(f"a worker holds 2.75 GiB, the limit is {job.memory_gib:.2f} GiB", 3.0)
        while (in_flight := schedule.next(1)) is not None:
            yield [Prediction(s.material_id, {"e_form_per_atom": 0.0}) for s in in_flight.unit.samples], []

    from contextlib import nullcontext

    monkeypatch.setattr(resumable, "_answers", answers)
    monkeypatch.setattr(resumable, "ray_cluster", lambda *arguments: nullcontext())
    monkeypatch.setattr(inputs, "preloading_workers", lambda *arguments, **options: nullcontext())
    said = []
    run = predict(board, "emt", "discovery", "emt-alloys", limit=5, say=said.append, **options)
    return run, tries, said


def test_the_default_number_of_workers_becomes_what_there_is_memory_for(board, monkeypatch, small_machine):
    assert worker_count(None, None) == 4
    assert memory_share(board.model("emt"), None, 4, None) == pytest.approx(1.6)
    run, tries, said = asked_of_large_workers(board, monkeypatch)
    assert tries == [(4, 1.6), (2, 3.2)]
    assert run.counts == {"ok": 5}
    assert said == ["a worker holds 2.75 GiB, the limit is 1.60 GiB; going on with 2"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"workers": 4}, r"the limit is 1\.60 GiB, or use fewer workers \(--workers 2\)$"),
        ({"workers": 4, "memory": 2.0}, r"the limit is 2\.00 GiB$"),
        ({"memory": 2.5}, r"the limit is 2\.50 GiB$"),
    ],
)
def test_numbers_that_the_user_chose_are_not_changed(board, monkeypatch, small_machine, options, said):
    with pytest.raises(TooLittleMemory, match=said):
        asked_of_large_workers(board, monkeypatch, **options)


def test_a_machine_without_memory_for_one_worker_says_what_it_has(board, monkeypatch, small_machine):
    monkeypatch.setattr(resumable, "machine_memory_gib", lambda: 3.0)
    with pytest.raises(TooLittleMemory, match=r"this machine has 3\.0 GiB"):
        asked_of_large_workers(board, monkeypatch)


def test_only_an_explicit_limit_holds_in_this_process(board):
    card = board.model("emt").model_copy(update={"memory_gib": 2.0})
    assert memory_share(card, None, 0, None) is None
    assert memory_share(card, 3.0, 0, None) == 3.0
    assert memory_share(card, None, 4, None) == 2.0
    assert RunOptions().memory is None


@pytest.mark.parametrize("name", ["TMPDIR", "RAY_TMPDIR"])
def test_ray_gets_a_short_private_folder_where_that_for_temporary_files_has_a_long_name(monkeypatch, name):
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv(name, "/scratch/" + 101 * "x")
    with cluster._short_folder(needed=True) as folder:
        assert len(folder + cluster.SOCKET) < 103
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700  # noqa: PTH116
        assert folder.startswith("/tmp/")
    assert not os.path.exists(folder)  # noqa: PTH110


@pytest.mark.parametrize(("folder", "needed"), [("/tmp", True), ("/scratch/" + 101 * "x", False)])
def test_a_short_folder_and_a_cluster_that_runs_are_left_as_they_are(monkeypatch, folder, needed):
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv("TMPDIR", folder)
    with cluster._short_folder(needed=needed) as found:
        assert found is None


def test_without_any_folder_for_sockets_tmpdir_is_named(monkeypatch):
    import tempfile

    def full(**options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv("TMPDIR", "/scratch/" + 101 * "x")
    monkeypatch.setattr(tempfile, "mkdtemp", full)
    with (
        pytest.raises(RunError, match=r"TMPDIR is '/scratch/x.*at most \d+ characters"),
        cluster._short_folder(needed=True),
    ):
        pytest.fail("nowhere to put sockets")
