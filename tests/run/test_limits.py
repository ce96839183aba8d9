"""Time and memory of one material are limited, in Python and in native code."""

import subprocess
import sys
import time

import pytest

from matdisc.physics.together import TimedOut
from matdisc.run.limits import Watch, machine_memory_gib, time_limit


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
    "import time\nfrom matdisc.run import limits\nlimits.DEADLY_AFTER = 0.3\n"
    "with limits.Watch(deadly=True) as limit:\n"
    "    for _ in range(8):\n        with limit(0.2):\n            time.sleep(0.1)\n"
    "time.sleep(1)\nprint('alive')\n"
)


def test_the_deadly_clock_starts_anew_with_each_block_and_stops_with_the_watch():
    done = subprocess.run([sys.executable, "-c", LATER], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["alive"]


NATIVE = (
    "from matdisc.run import limits\nlimits.DEADLY_AFTER = 0.3\n"
    "with limits.time_limit(0.2, deadly=True):\n    sum(range(10**12))\n"
)


def test_native_code_that_hangs_ends_its_process():
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", NATIVE], capture_output=True, timeout=60)
    assert done.returncode == 1
    assert b"Timeout" in done.stderr
    assert time.monotonic() - started < 30


GREEDY = (
    "from matdisc.run.limits import limit_memory\nlimit_memory(1.0)\n"
    "import numpy as np\n"
    "try:\n    np.ones(300_000_000)\nexcept MemoryError:\n    print('refused')\n"
    "print(np.ones(1_000_000).sum())\n"
)


def test_a_process_is_refused_memory_beyond_its_limit_and_lives_on():
    done = subprocess.run([sys.executable, "-c", GREEDY], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["refused", "1000000.0"]


def test_the_memory_of_this_machine_is_known():
    assert machine_memory_gib() is None or machine_memory_gib() > 0.5
