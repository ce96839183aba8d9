"""What a table of per-material values can tell, in words; every number is counted, none is written by hand."""

from __future__ import annotations

from collections.abc import Iterator

from matdisc.columns import some
from matdisc.leaderboard.schema.resolution import TableResolution
from matdisc.leaderboard.text import Part, shown
from matdisc.metrics.resolution import HOPELESS

FEW_GROUPS = 50
"""With fewer groups than this intervals are too narrow, and equal models are told apart too often (11 % at 20)."""


def findings(found: TableResolution) -> list[str]:
    """Return in sentences what a table can tell about its order; every number is counted, none is written by hand."""
    pairs, first = found.neighbours, found.neighbours.better[0]
    alone, corrected = (sum(p is not None and p <= 0.05 for p in ps) for ps in (pairs.p_value, pairs.p_corrected))
    m, tied = len(found.models), found.ranked.tie_group.count(1) - 1
    sentences = [
        f"Of {_count(m - 1, 'neighbouring pair')}, {alone} can be told apart when each is taken alone at 5 %, and "
        f"{corrected} after the correction for all {m * (m - 1) // 2:,} pairs.",
        f"{found.models[first]} is first, and stays first in {100 * found.ranked.first[first]:.0f} % of resamples"
        + (f"; {_count(tied, 'other')} cannot be told from it." if tied else "."),
    ]
    needed, n = pairs.needed[0], found.n_materials
    if pairs.p_value[0] is None or pairs.difference[0] == 0:
        pass
    elif needed is None:
        sentences.append(f"To tell it from the second, {n:,} materials would have to be more than {HOPELESS * n:,}.")
    elif needed > n:
        sentences.append(f"To tell it from the second, {n:,} materials would have to be about {needed:,}.")
    if least := pairs.detectable[0]:
        unit = f" {found.unit}" if found.unit else ""
        sentences.append(f"Between the first two a difference below {least:.2g}{unit} would mostly go unseen.")
    if found.first_without:
        k = len(found.first_without)
        sentences.append(f"Leaving out one material changes who is first for {k} of {n:,} materials.")
    return sentences


def resolution_parts(found: TableResolution) -> Iterator[Part]:
    """Yield lines and tables for the terminal."""
    unit = f" by {found.group}" if found.group else ""
    groups = f" in {found.n_groups:,} groups{unit}" if found.group else ""
    yield (
        f"{found.title}: {found.statistic} {found.value} of {len(found.models):,} models on "
        f"{found.n_materials:,} materials{groups}, {found.better} is better"
    )
    yield from notes(found)
    yield (
        ["rank", "model", f"{found.value} (95 %)", "group", "first", "next: p", "Holm", "materials", "one weighs"],
        [_row(found, place, i) for place, i in enumerate(order(found))],
    )
    yield from findings(found)
    yield (
        f"next: the pair with the row below, alone and corrected; materials: how many would show it with 80 % power if "
        f"it is as large as measured (> {HOPELESS * found.n_materials:,}: as good as equal); "
        "one weighs: the largest change by leaving out one material"
    )
    if found.n_groups < FEW_GROUPS:
        yield f"note: {found.n_groups} {'groups' if found.group else 'materials'} are few: intervals are too narrow"


def notes(found: TableResolution) -> list[str]:
    """Return what empty cells were taken for, and what the file says of its own numbers."""
    return [*filter(None, [_missing(found)]), *found.notes]


def _missing(found: TableResolution) -> str:
    missing = found.missing
    cells = _count(missing.cells, "empty cell")
    if missing.rule == "worst":
        return f"{cells} counted as {missing.worst:g}"
    if missing.rule == "common":
        return f"{cells}: {_count(missing.materials_left_out, 'material')} left out, so that all models have the rest"
    if missing.rule == "drop":
        return f"{cells}: left out {some(missing.models_left_out, 20)}"
    return ""


def order(found: TableResolution) -> list[int]:
    """Return the places of the models, best first."""
    return [found.neighbours.better[0], *found.neighbours.worse]


def needed_text(found: TableResolution, place: int) -> str:
    """Return how many materials would tell the model at a place of the order from the next, as text."""
    needed, pairs = found.neighbours.needed[place], found.neighbours
    if needed is None and pairs.p_value[place] is None:
        return "–"
    return f"> {HOPELESS * found.n_materials:,}" if needed is None else f"{needed:,}"


def _row(found: TableResolution, place: int, i: int) -> list[str]:
    ranked, pairs = found.ranked, found.neighbours
    rank = f"{ranked.low[i]}" if ranked.low[i] == ranked.high[i] else f"{ranked.low[i]}-{ranked.high[i]}"
    last = place == len(pairs.better)
    low, high = (shown(ends[i], ".4g") for ends in (found.low, found.high))
    return [
        rank,
        found.models[i],
        f"{ranked.value[i]:.4g} ({low} to {high})",
        str(ranked.tie_group[i]),
        f"{100 * ranked.first[i]:.0f} %",
        *(["", "", ""] if last else [shown(p[place], ".3g") for p in (pairs.p_value, pairs.p_corrected)]),
        *([] if last else [needed_text(found, place)]),
        f"{found.leverage.change[i]:+.2g} ({found.leverage.material[i]})",
    ]


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" + ("" if n == 1 else "s")
