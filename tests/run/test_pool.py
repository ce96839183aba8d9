"""A pool of Ray tasks hands over every result, and tells an error from a worker's death."""

import os

import pytest

from matdisc.errors import DataError, RunError
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
