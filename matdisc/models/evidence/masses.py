"""Mass functions on a frame of two hypotheses, and the rules that combine them, as closed forms over arrays.

A mass function is a triple (p, n, u) = (for, against, not known), each at least 0, with sum 1. Of any number of pieces,
P = prod(p + u), N = prod(n + u) and U = prod(u) are all that Dempster's rule needs:

    Z = P + N - U,   p = (P - U) / Z,   n = (N - U) / Z,   u = U / Z,   conflict = 1 - Z

Products are taken as sums of logarithms: of many pieces P, N and U underflow together. Sources: Shafer, A Mathematical
Theory of Evidence (1976); Yager, Inf. Sci. 41, 93 (1987); Murphy, Decis. Support Syst. 29, 1 (2000); Denoeux, Artif.
Intell. 172, 234 (2008). Dubois and Prade's rule is Yager's here, since the union of the two hypotheses is the frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matdisc.arrays import Floats
from matdisc.errors import MatdiscError

Rule = Literal["dempster", "yager", "dubois-prade", "murphy", "cautious"]
RULES: tuple[Rule, ...] = get_args(Rule)
TOLERANCE = 1e-9
"""How far the sum of a triple may be from 1."""
SMALLEST_DOUBT = float(np.finfo(float).tiny)
"""What remains unknown of very many pieces none of which is certain: rounding must not make certainty of them."""


class TotalConflict(MatdiscError):
    """Evidence that is certain of both hypotheses at once: no combination is defined."""


@dataclass(frozen=True, slots=True)
class Combined:
    """Combined masses (..., 3), and the conflict in [0, 1] of the pieces behind each, shape (...)."""

    masses: Floats
    conflict: Floats


def combine(masses: ArrayLike, rule: Rule = "dempster", *, where: ArrayLike | None = None) -> Combined:
    """Combine pieces of evidence along the last axis but one; the order of the pieces does not matter.

    Without a piece the answer is (0, 0, 1). `conflict` is 1 - Z of the products that are combined; of `cautious` it is
    that of the two strongest opposed pieces, of `murphy` that of the repeated average.

    Args:
        masses: Triples (for, against, not known), shape (..., n_pieces, 3).
        rule: One of RULES. Yager's and Dubois-Prade's are not associative: give all pieces at once.
        where: Which pieces take part, shape (..., n_pieces); all if left out.

    Raises:
        TotalConflict: If the pieces exclude both hypotheses, or `cautious` meets a piece without doubt (u = 0).
        ValueError: If a triple is none, or there is no such rule.
    """
    triples = checked(masses)
    if triples.ndim < 2:
        raise ValueError(f"masses have shape {triples.shape}; it has to be (..., n_pieces, 3)")
    taking_part = np.ones(triples.shape[:-1], bool) if where is None else np.asarray(where, bool)
    vacuous = np.array([0.0, 0.0, 1.0])
    triples = np.where(taking_part[..., None], triples, vacuous)
    count = taking_part.sum(axis=-1)
    if rule == "murphy":
        mean = _mean(np.where(taking_part[..., None], triples, 0.0).sum(axis=-2), count)
        return from_logs([_times(count, x) for x in _logs(mean)], rule)
    if rule == "cautious":
        support, against = _weights(triples)
        return _from_weights(support.min(axis=-1, initial=0.0), against.min(axis=-1, initial=0.0))
    return from_logs([x.sum(axis=-1) for x in _logs(triples)], rule)


def combine_segments(masses: ArrayLike, segments: ArrayLike, n_segments: int, rule: Rule = "dempster") -> Combined:
    """Combine many groups of pieces at once; a group without a piece is (0, 0, 1).

    Args:
        masses: Triples, shape (n_pieces, 3).
        segments: Which group each piece belongs to, shape (n_pieces,), not falling, in [0, n_segments).
        n_segments: Number of groups.
        rule, Raises: As for `combine`; also ValueError if the segments are not sorted.
    """
    triples, segment = checked(masses), np.asarray(segments, np.int64)
    if segment.shape != triples.shape[:1] or (np.diff(segment) < 0).any():
        raise ValueError("segments have to be sorted, one for each piece")
    if len(segment) and not 0 <= segment[0] <= segment[-1] < n_segments:
        raise ValueError(f"segments have to lie in [0, {n_segments})")
    starts = np.flatnonzero(np.diff(segment, prepend=-1))
    filled = segment[starts]
    if rule == "murphy":
        count = np.bincount(segment, minlength=n_segments)
        total = np.column_stack([_reduced(np.add, triples[:, k], starts, filled, n_segments) for k in range(3)])
        return from_logs([_times(count, x) for x in _logs(_mean(total, count))], rule)
    if rule == "cautious":
        support, against = (_reduced(np.minimum, x, starts, filled, n_segments) for x in _weights(triples))
        return _from_weights(support, against)
    return from_logs([_reduced(np.add, x, starts, filled, n_segments) for x in _logs(triples)], rule)


def combine_counts(support: ArrayLike, against: ArrayLike, alpha: ArrayLike) -> Combined:
    """Combine equal pieces by Dempster's rule: `support` times (alpha, 0, 1 - alpha), `against` times the opposite.

    Args:
        support, against: Numbers of pieces, at least 0, shapes that broadcast with `alpha`.
        alpha: Strength of a piece in [0, 1].

    Raises:
        TotalConflict: If alpha is 1 and there are pieces of both kinds.
        ValueError: If alpha lies outside [0, 1].
    """
    strength = np.asarray(alpha, float)
    if not ((strength >= 0) & (strength <= 1)).all():
        raise ValueError(f"alpha is {strength}; it has to lie in [0, 1]")
    with np.errstate(divide="ignore"):
        log_q = np.log1p(-strength)
    a, b = _times(np.asarray(support, float), log_q), _times(np.asarray(against, float), log_q)
    return from_logs([b, a, a + b])


def from_logs(logs: Sequence[Floats], rule: Rule = "dempster") -> Combined:
    """Return what a rule makes of the logarithms of P = prod(p + u), N = prod(n + u) and U = prod(u), in this order.

    Raises:
        TotalConflict: If P and N are both 0.
        ValueError: If the rule needs more than these products.
    """
    if rule == "cautious" or rule not in RULES:
        raise ValueError(f"no closed form from products for the rule {rule!r}; rules: {', '.join(RULES)}")
    log_p, log_n, log_u = logs
    top = np.maximum(log_p, log_n)
    if np.isneginf(top).any() and rule not in ("yager", "dubois-prade"):
        raise TotalConflict(
            f"{int(np.isneginf(top).sum())} combinations hold evidence that is certain of both hypotheses; "
            "use alpha and discounts below 1, or the rule 'yager'"
        )
    if rule in ("yager", "dubois-prade"):
        p, n = _difference(log_p, log_u), _difference(log_n, log_u)
        u = 1.0 - p - n
        return Combined(np.stack([p, n, u], axis=-1), np.clip(u - np.exp(log_u), 0.0, 1.0))
    p, n = _difference(log_p - top, log_u - top), _difference(log_n - top, log_u - top)
    u = np.where(np.isneginf(log_u), 0.0, np.maximum(np.exp(log_u - top), SMALLEST_DOUBT))
    z = p + n + u
    masses = np.stack([p, n, u], axis=-1) / z[..., None]
    return Combined(masses, np.clip(-np.expm1(top + np.log(z)), 0.0, 1.0) + 0.0)  # no -0


def discount(masses: Floats, reliability: ArrayLike) -> Floats:
    """Return (r p, r n, 1 - r (p + n)): masses of a source that is to be believed with r in [0, 1]; shape (..., 3)."""
    r = np.asarray(reliability, float)[..., None]
    return np.concatenate([r * masses[..., :2], (1.0 - r) + r * masses[..., 2:]], axis=-1)


def checked(masses: ArrayLike) -> Floats:
    """Return triples as an array (..., 3).

    Raises:
        ValueError: If a mass is negative or not finite, or a triple does not add up to 1.
    """
    triples = np.asarray(masses, float)
    if triples.ndim < 1 or triples.shape[-1] != 3:
        raise ValueError(f"masses have shape {triples.shape}; the last axis has to be (for, against, not known)")
    wrong = ~((triples >= 0).all(axis=-1) & (np.abs(triples.sum(axis=-1) - 1) <= TOLERANCE))
    if wrong.any():
        raise ValueError(f"{triples[wrong][0]} is no mass function: masses are at least 0 and add up to 1")
    return triples


def _logs(triples: Floats) -> tuple[Floats, Floats, Floats]:
    p, n, u = triples[..., 0], triples[..., 1], triples[..., 2]
    with np.errstate(divide="ignore"):
        return np.log(p + u), np.log(n + u), np.log(u)


def _weights(triples: Floats) -> tuple[Floats, Floats]:
    """Logarithms of the weights of evidence for and against, u/(p + u) and u/(n + u)."""
    if (triples[..., 2] <= 0).any():
        raise TotalConflict("the rule 'cautious' needs some doubt in each piece (u > 0); discount the sources below 1")
    log_p, log_n, log_u = _logs(triples)
    return log_u - log_p, log_u - log_n


def _from_weights(support: Floats, against: Floats) -> Combined:
    return from_logs([against, support, support + against])


def _difference(log_a: Floats, log_b: Floats) -> Floats:
    """exp(a) - exp(b) for b <= a, exact where both are close; 0 where both are 0."""
    with np.errstate(invalid="ignore"):
        gap = np.where(np.isneginf(log_a), 0.0, log_b - log_a)
    return np.exp(log_a) * -np.expm1(np.minimum(gap, 0.0)) + 0.0  # no -0


def _times(count: Any, log: Floats) -> Floats:
    """count * log with 0 * -inf = 0: no piece says nothing."""
    with np.errstate(invalid="ignore"):
        return np.where(count == 0, 0.0, count * log)


def _mean(total: Floats, count: NDArray[np.int64]) -> Floats:
    mean = total / np.maximum(count, 1)[..., None]
    return np.where((count == 0)[..., None], [0.0, 0.0, 1.0], mean)


def _reduced(how: np.ufunc, values: Floats, starts: Any, filled: Any, n_segments: int) -> Floats:
    out = np.zeros(n_segments)
    if len(values):
        out[filled] = how.reduceat(values, starts)
    return out
