"""Error bars of correlated series, against cases whose answer is known."""

import math

import numpy as np
import pytest

from matdisc.metrics.block_averaging import Estimate, block_average, blocking, equilibrated, jackknife, over_replicas


def _autoregressive(n, memory, seed):
    from scipy.signal import lfilter

    noise = np.random.default_rng(seed).standard_normal(n) * math.sqrt(1 - memory**2)
    return lfilter([1.0], [1.0, -memory], noise)  # unit variance once it has forgotten its start


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.9, 0.98])
def test_the_error_of_an_autoregressive_series_is_the_one_that_theory_gives(memory):
    n = 100_000
    found = block_average(_autoregressive(n, memory, seed=1))
    theory = math.sqrt((1 + memory) / (1 - memory) / n)
    assert found.error == pytest.approx(theory, rel=0.25)
    assert abs(found.value) < 4 * theory


def test_block_errors_cover_the_true_mean_as_often_as_they_say():
    found = [block_average(_autoregressive(20_000, 0.9, seed)) for seed in range(200)]
    inside = np.mean([abs(one.value) < 1.96 * one.error for one in found])
    assert 0.88 < inside <= 1.0


def test_a_run_of_a_few_correlation_times_is_too_short():
    found = block_average(_autoregressive(2_000, 0.998, seed=3))
    assert found.reason == "too short"
    assert math.isnan(found.value)
    assert math.isnan(found.error)


def test_blocks_of_four_values_are_counted_by_hand():
    levels = blocking([1.0, 3.0, 5.0, 7.0])
    assert [level[0] for level in levels] == [4, 2]
    assert levels[0][1] == pytest.approx(math.sqrt(5 / 3))  # c0 = (9 + 1 + 1 + 9)/4
    assert levels[1][1] == pytest.approx(2.0)  # means 2 and 6: c0 = 4
    assert levels[1][2] == pytest.approx(2.0 / math.sqrt(2))


@pytest.mark.parametrize("series", [[], [1.0], [1.0] * 15])
def test_fewer_than_sixteen_values_have_no_error(series):
    assert block_average(series).reason == "too short"


def test_a_constant_has_no_error():
    assert block_average([2.0] * 64) == Estimate(2.0, 0.0)


def test_a_series_that_is_not_finite_has_no_mean():
    assert block_average([1.0, math.nan] * 50).reason == "not finite"


def test_a_series_that_still_drifts_is_not_used():
    noise = _autoregressive(9_000, 0.5, seed=4)
    assert equilibrated(noise)[1] == ""
    assert equilibrated(noise + np.linspace(0, 2, 9_000))[1] == "still drifting"


def test_a_transient_in_the_first_third_is_dropped():
    noise = _autoregressive(9_000, 0.5, seed=5)
    noise[:2_900] += 20
    kept, reason = equilibrated(noise)
    assert (len(kept), reason) == (6_000, "")


def test_the_error_over_replicas_is_counted_by_hand():
    assert over_replicas([1.0, 2.0, 3.0]) == Estimate(2.0, 1 / math.sqrt(3))


@pytest.mark.parametrize(
    ("values", "reason"),
    [([1.0, 2.0], "fewer than 3 replicas"), ([1.0, math.nan, 2.0, 3.0], "a replica has no number")],
)
def test_too_few_or_failed_replicas_give_no_number(values, reason):
    assert over_replicas(values).reason == reason


def test_the_jackknife_of_a_mean_is_its_standard_error():
    values = [1.0, 4.0, 2.0, 7.0]
    assert jackknife(values, np.mean).error == pytest.approx(over_replicas(values).error)


def test_the_jackknife_of_a_ratio_agrees_with_error_propagation():
    rng = np.random.default_rng(6)
    pairs = np.stack([rng.normal(10, 0.5, 400), rng.normal(5, 0.5, 400)], axis=1)
    found = jackknife(list(pairs), lambda some: float(np.divide(*np.mean(some, axis=0))))
    assert found.error == pytest.approx(2 * math.hypot(0.05, 0.1) / math.sqrt(400), rel=0.15)


def test_a_ratio_without_a_value_has_no_jackknife():
    assert jackknife([0.0, 0.0, 0.0], lambda some: math.nan).reason.startswith("undefined")
