"""Uncertainty scores: closed forms against SciPy and scikit-learn, hand counts, laws."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from sklearn import metrics as judge

from matdisc.metrics.calibration import (
    LEVELS,
    SHARES,
    gaussian_calibration,
    gaussian_crps,
    gaussian_nll,
    probability_calibration,
)

NAN = float("nan")
answers = st.lists(st.tuples(st.floats(-1, 1), st.sampled_from([0.01, 0.1, 0.5])), min_size=1, max_size=30)
forecasts = st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0])), min_size=1, max_size=40)


def _columns(some):
    return tuple(np.array(column) for column in zip(*some, strict=True))


def _gaussian(some):
    error, sigma = _columns(some)
    return gaussian_calibration(np.zeros(len(error)), error, sigma)


def _calibrated(n, factor=1.0, seed=0):
    """True values, predictions and sigmas whose errors are `factor` times as large as stated."""
    rng = np.random.default_rng(seed)
    true, sigma = rng.normal(size=n), rng.gamma(3, 0.02, n)
    return true, true + factor * sigma * rng.normal(size=n), sigma


@pytest.mark.parametrize(("error", "sigma"), [(0.0, 0.1), (0.03, 0.1), (-0.4, 0.1), (0.2, 1.5), (3.0, 0.05)])
def test_crps_is_the_integral_of_the_squared_distance_of_distributions(error, sigma):
    def squared(x):
        return (stats.norm.cdf(x, error, sigma) - (x >= 0)) ** 2

    low, high = min(0, error) - 9 * sigma, max(0, error) + 9 * sigma
    parts = [integrate.quad(squared, a, b, points=[error], limit=200)[0] for a, b in ((low, 0), (0, high))]
    assert gaussian_crps(error, sigma) == pytest.approx(sum(parts), rel=1e-6)


def test_crps_of_near_certainty_is_the_absolute_error():
    assert gaussian_crps([0.3, -0.2], [1e-300, 1e-9]) == pytest.approx([0.3, 0.2])


def test_scipy_has_the_same_likelihood():
    error, sigma = np.array([0.0, 0.1, -0.7]), np.array([0.1, 0.2, 0.3])
    np.testing.assert_allclose(gaussian_nll(error, sigma), -stats.norm.logpdf(error, scale=sigma))


def test_hand_counted_coverage_and_sharpness():
    found = gaussian_calibration([0.0] * 4, [0.5, -0.9, 1.5, -3.0], [1.0] * 4)  # z 0.67, 0.99, 1.64 and 1.96 bound
    assert list(found.coverage.values()) == [0.25, 0.5, 0.75, 0.75]
    assert list(found.coverage) == [0.5, 0.68, 0.9, 0.95]
    assert found.sharpness == 1.0


def test_honest_uncertainties_cover_what_they_promise():
    found = gaussian_calibration(*_calibrated(20_000))
    assert list(found.coverage.values()) == pytest.approx([0.5, 0.68, 0.9, 0.95], abs=0.011)  # three standard errors
    assert found.miscalibration_area < 0.006
    assert found.spearman > 0.3


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_too_wide_and_too_narrow_uncertainties_cost_area_likelihood_and_crps(factor):
    true, pred, sigma = _calibrated(5000)
    honest, other = gaussian_calibration(true, pred, sigma), gaussian_calibration(true, pred, factor * sigma)
    assert other.miscalibration_area > 0.1 > honest.miscalibration_area
    assert other.nll > honest.nll
    assert other.crps > honest.crps
    assert np.all((other.observed > honest.observed) == (factor > 1))


@pytest.mark.parametrize("error", [0.0, 100.0])
def test_the_worst_miscalibration_area_is_just_below_one_half(error):
    found = gaussian_calibration([0.0, 0.0], [error, -error], [0.1, 0.1])
    assert found.miscalibration_area == pytest.approx(0.495)


def test_hand_counted_risk_of_the_most_certain():
    found = gaussian_calibration([0.0] * 4, [0.1, 0.3, -0.5, 0.7], [0.01, 0.02, 0.03, 0.04])
    assert found.risk[np.isin(SHARES, [0.25, 0.5, 0.75, 1.0])] == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert found.risk_area == pytest.approx((0.1 + 0.2 + 0.3 + 0.4) / 4)
    assert found.spearman == pytest.approx(1.0)


def test_a_constant_sigma_sorts_nothing():
    found = gaussian_calibration([0.0] * 3, [0.1, 0.2, 0.6], [0.2] * 3)
    assert found.risk == pytest.approx(np.full(100, 0.3))
    assert found.risk_area == pytest.approx(0.3)
    assert math.isnan(found.spearman)


def test_the_risk_of_everything_is_the_mean_absolute_error():
    true, pred, sigma = _calibrated(1000)
    found = gaussian_calibration(true, pred, sigma)
    assert found.risk[-1] == pytest.approx(judge.mean_absolute_error(true, pred))
    assert found.risk[9] < found.risk[-1]


def test_scipy_has_the_same_rank_correlation():
    true, pred, sigma = _calibrated(300)
    pred, sigma = np.round(pred, 2), np.round(sigma, 2) + 0.01  # with ties
    expected = stats.spearmanr(np.abs(pred - true), sigma).statistic
    assert gaussian_calibration(true, pred, sigma).spearman == pytest.approx(expected)


def test_rows_with_a_gap_are_left_out_and_counted():
    found = gaussian_calibration([0.0, NAN, 0.0, 0.0], [0.1, 0.1, np.inf, 0.1], [0.1, 0.1, 0.1, NAN])
    assert (found.n, found.n_left_out) == (1, 3)
    assert found.crps == pytest.approx(float(gaussian_crps(0.1, 0.1)))


@pytest.mark.parametrize("sigma", [0.0, -0.1, np.inf])
def test_claims_of_certainty_and_of_nothing_are_refused(sigma):
    with pytest.raises(ValueError, match="1 values of sigma"):
        gaussian_calibration([0.0, 0.0], [0.1, 0.1], [0.1, sigma])


@pytest.mark.parametrize("gap", [[], [NAN]])
def test_without_a_complete_row_all_scores_are_undefined(gap):
    found = gaussian_calibration(gap, gap, gap)
    scores = (found.nll, found.crps, found.sharpness, found.miscalibration_area, found.spearman, found.risk_area)
    assert np.isnan([*scores, *found.observed, *found.risk, *found.coverage.values()]).all()
    chances = probability_calibration(np.zeros(len(gap), bool), gap)
    assert np.isnan([chances.brier, chances.log_loss, chances.expected_calibration_error]).all()
    assert len(chances.stable_share) == 0


def test_one_row_has_scores_but_no_correlation():
    found = gaussian_calibration([0.0], [0.05], [0.1])
    assert found.risk_area == pytest.approx(0.05)
    assert math.isnan(found.spearman)
    assert probability_calibration([True], [0.75]).brier == pytest.approx(0.0625)


def test_shapes_have_to_agree():
    with pytest.raises(ValueError, match="equal length"):
        gaussian_calibration([0.0], [0.1], [0.1, 0.2])
    with pytest.raises(ValueError, match="equal length"):
        probability_calibration([True], [0.1, 0.2])


@settings(deadline=None)
@given(answers, st.randoms())
def test_row_order_changes_no_uncertainty_score(some, random):
    one, other = _gaussian(some), _gaussian(random.sample(some, len(some)))
    for name in ("nll", "crps", "sharpness", "observed", "miscalibration_area", "spearman", "risk", "risk_area"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-9, atol=1e-12)


@settings(deadline=None)
@given(answers)
def test_uncertainty_scores_stay_within_their_bounds(some):
    found = _gaussian(some)
    error, _ = _columns(some)
    assert 0 <= found.crps <= np.abs(error).mean() + 0.5 * found.sharpness
    assert 0 <= found.miscalibration_area <= 0.495 + 1e-12
    assert np.all(np.diff(found.observed) >= 0)
    assert len(found.observed) == len(LEVELS)
    assert math.isnan(found.spearman) or abs(found.spearman) <= 1 + 1e-12
    assert -1e-12 <= found.risk_area <= np.abs(error).max() + 1e-12


def test_hand_counted_probabilities():
    found = probability_calibration([True, False, True, False], [0.9, 0.2, 0.6, 0.7], n_bins=2)
    assert found.brier == pytest.approx((0.01 + 0.04 + 0.16 + 0.49) / 4)
    assert found.mean_probability == pytest.approx([0.4, 0.8])
    assert found.stable_share == pytest.approx([0.5, 0.5])
    assert found.expected_calibration_error == pytest.approx((0.1 + 0.3) / 2)


def test_scikit_learn_agrees_on_brier_score_and_log_loss():
    rng = np.random.default_rng(0)
    stable, probability = rng.random(500) < 0.3, np.append(rng.random(498), [0.0, 1.0])
    found = probability_calibration(stable, probability)
    assert found.brier == pytest.approx(judge.brier_score_loss(stable, probability))
    assert found.log_loss == pytest.approx(judge.log_loss(stable, probability))


def test_a_wrong_certainty_costs_thirty_six_nats():
    assert probability_calibration([True], [0.0]).log_loss == pytest.approx(36.04, abs=0.01)
    assert probability_calibration([False], [0.0]).log_loss == pytest.approx(0.0, abs=1e-12)


def test_honest_probabilities_have_no_calibration_error_and_shifted_ones_have():
    rng = np.random.default_rng(0)
    probability = 0.8 * rng.random(20_000)
    stable = rng.random(20_000) < probability
    assert probability_calibration(stable, probability).expected_calibration_error < 0.02
    assert probability_calibration(stable, probability + 0.2).expected_calibration_error == pytest.approx(0.2, abs=0.02)


def test_a_constant_probability_is_off_by_its_distance_to_the_prevalence():
    found = probability_calibration([True, False, False, False], [0.6] * 4, n_bins=3)
    assert found.expected_calibration_error == pytest.approx(0.35)
    assert found.stable_share == pytest.approx([0.25] * 3)


def test_probabilities_lie_between_zero_and_one_or_are_left_out():
    found = probability_calibration([True, False], [0.5, NAN])
    assert (found.n, found.n_left_out) == (1, 1)
    for wrong in (-0.1, 1.1, np.inf):
        with pytest.raises(ValueError, match="1 probabilities"):
            probability_calibration([True], [wrong])
    with pytest.raises(ValueError, match="bins"):
        probability_calibration([True], [0.5], n_bins=0)


@settings(deadline=None)
@given(forecasts, st.randoms(), st.integers(1, 7))
def test_row_order_changes_no_probability_score_and_bounds_hold(some, random, n_bins):
    one, other = (
        probability_calibration(*_columns(order), n_bins=n_bins) for order in (some, random.sample(some, len(some)))
    )
    for name in ("brier", "log_loss", "expected_calibration_error", "mean_probability", "stable_share"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-9, atol=1e-9)
    stable, probability = _columns(some)
    assert 0 <= one.brier <= 1
    assert abs(stable.mean() - probability.mean()) <= one.expected_calibration_error + 1e-9
    assert one.expected_calibration_error <= 1 + 1e-9
    assert np.mean(one.stable_share) == pytest.approx(stable.mean())
