"""The slow way, for tests: Dempster's rule subset by subset, one pair of alloys and one piece after another.

Numbers may be floats, or fractions for exact answers.
"""

from itertools import combinations, product

FOR, AGAINST = frozenset({"for"}), frozenset({"against"})
BOTH = FOR | AGAINST


def dempster(triples):
    """Combine triples one after another, each time over all pairs of subsets; without any: (0, 0, 1)."""
    state = {FOR: 0, AGAINST: 0, BOTH: 1}
    for p, n, u in triples:
        new = {FOR: 0, AGAINST: 0, BOTH: 0}
        for (a, x), (b, y) in product(state.items(), {FOR: p, AGAINST: n, BOTH: u}.items()):
            if a & b:
                new[a & b] += x * y
        total = sum(new.values())
        state = {key: mass / total for key, mass in new.items()}
    return state[FOR], state[AGAINST], state[BOTH]


def substitutability(alloys, high, alpha, n=2):
    """Masses of each key {T, V} that some pair of alloys speaks about, as frozenset of two frozensets."""
    pieces = {}
    for (a, a_high), (b, b_high) in combinations(zip(alloys, high, strict=True), 2):
        t, v = a - b, b - a
        if a & b and len(t) <= n and len(v) <= n and (t or v) and abs(len(a) - len(b)) <= 2:
            piece = (alpha, 0, 1 - alpha) if a_high == b_high else (0, alpha, 1 - alpha)
            pieces.setdefault(frozenset({t, v}), []).append(piece)
    return {key: dempster(found) for key, found in pieces.items()}


def judged(x, alloys, high, similarity, version="v1", alpha=1, n=2):
    """Masses (High, Low, not known) of the candidate x, and the number of pieces."""
    pieces = []
    for a, a_high in zip(alloys, high, strict=True):
        t, v = a - x, x - a
        if a == x or not a & x or len(t) > n or len(v) > n or abs(len(a) - len(x)) > 2:
            continue
        s, d, u = similarity.get(frozenset({t, v}), (0, 0, 1))
        own, other = (s, 0) if version == "v1" else (alpha * s, alpha * d)
        if u < 1 and own + other > 0:
            p, q = (own, other) if a_high else (other, own)
            pieces.append((p, q, 1 - p - q))
    return dempster(pieces), len(pieces)
