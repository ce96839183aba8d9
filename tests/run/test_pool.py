"""A pool of Ray tasks hands over every result, and tells an error from a worker's death."""

import os
import signal

import pytest

from matdisc.errors import DataError, RunError
from matdisc.run.engine.cluster import dead_parts, node_cpus, node_id, node_is_alive
from matdisc.run.engine.pool import TaskPool

pytestmark = pytest.mark.ray


@pytest.fixture
def arrived(ray_session):
    """All that arrives from two workers that count up to each item, or meet what its name says."""

    def count(item):
        if item == "dies":
            os._exit(1)
        if item == "refused":
            raise DataError("no such structure")
        for number in range(1, int(item) + 1):  # noqa: UP028  Ray takes no `yield from` of what has no `send`
            yield number

    def collect(items):
        waiting = list(items)
        pool = TaskPool(count, lambda item: (item,), 2, what="counting")
        return [one for round_ in pool.arrivals(lambda: waiting.pop() if waiting else None) for one in round_]

    return collect


def test_every_result_arrives_in_the_order_of_its_item_and_each_item_ends_once(arrived):
    found = arrived(["3", "1", "2"])
    assert not [one for one in found if one.error or one.death]
    for item in ("1", "2", "3"):
        assert [one.result for one in found if one.item == item] == [*range(1, int(item) + 1), None]


def test_a_dead_worker_costs_its_item_alone_and_errors_keep_their_type(arrived):
    found = arrived(["dies", "refused", "two", "1"])
    ends = {one.item: one for one in found if one.result is None}
    assert len(found) == 5
    assert type(ends["dies"].death).__name__ == "WorkerCrashedError"
    assert repr(ends["refused"].error) == repr(DataError("no such structure"))
    assert isinstance(ends["two"].error, RunError)
    assert str(ends["two"].error).startswith("counting failed in a worker: ValueError: invalid literal")
    assert (ends["1"].error, ends["1"].death) == (None, None)


def test_what_died_by_itself_is_told_from_what_ended(arrived):
    ends = {one.item: one for one in arrived(["dies", "1"]) if one.result is None}
    assert (ends["dies"].own_death, ends["1"].own_death) == ("its process died", "")


def test_tasks_can_be_kept_on_the_node_of_their_driver(ray_session):
    def where(item):
        yield node_id()

    waiting = [1, 2]
    pool = TaskPool(where, lambda item: (item,), 2, what="looking", here=True)
    rounds = pool.arrivals(lambda: waiting.pop() if waiting else None)
    assert [one.result for found in rounds for one in found if one.result] == [node_id()] * 2
    assert node_cpus() == 2
    assert node_is_alive()
    assert not dead_parts()


def test_a_signal_that_comes_while_the_next_item_is_looked_for_is_not_lost(ray_session):
    def never(item):
        yield item

    pool = TaskPool(never, lambda item: (item,), 1, what="waiting")
    with pytest.raises(KeyboardInterrupt):
        list(pool.arrivals(lambda: os.kill(os.getpid(), signal.SIGTERM)))


def test_a_local_cluster_starts_no_dashboard_no_autoscaler_and_no_reader_of_logs(ray_session):
    from ray._private import worker

    parts = {name for name, _ in worker._global_node.live_processes()}
    assert {"gcs_server", "raylet"} <= parts
    assert not parts & {"dashboard", "monitor", "log_monitor"}
