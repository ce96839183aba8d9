"""Results and comparisons in words, as terminals and notebooks print them: lines, and tables in plain text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from matdisc.scoring.metric import Metric
    from matdisc.tasks.task import Task

TableRows = tuple[Sequence[str], Sequence[Sequence[str]]]
"""Header and rows."""
Part = str | TableRows
NOT_PRINTED = ("coverage", "tp", "fp", "tn", "fn", "tpr", "fpr", "tnr", "fnr")
FLIP_TABLES = {"element": "element", "anion": "anion class", "e_above_hull": "hull distance, eV/atom"}
WIDTH = 220
"""Characters of a line where there is no terminal."""


def joined(parts: Iterable[Part]) -> str:
    """Return lines and tables as one text."""
    return "\n".join(part if isinstance(part, str) else table_text(*part) for part in parts)


def table_text(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a plain aligned table; numbers right, text left."""
    import io

    from rich.console import Console

    text = io.StringIO()
    plain = Console(file=text, width=WIDTH, color_system=None, force_terminal=False, force_jupyter=False)
    plain.print(drawn(header, rows))
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())


def drawn(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Return the same as a table of rich."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for i, name in enumerate(header):
        cells = [row[i] for row in rows if row[i] not in ("", "–")]
        numbers = bool(cells) and all(cell[:1] in "-0123456789" for cell in cells)
        table.add_column(name, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def metric_text(metric: Metric, value: Mapping[str, float | None]) -> str:
    """Return a value of a metric with its interval, shares as per cent."""
    factor = 100 if metric.form == "percent" else 1
    scaled = {key: None if x is None else factor * x for key, x in value.items()}
    return with_interval(scaled, metric.decimals)


def with_interval(metric: Mapping[str, float | None], digits: int = 3) -> str:
    """Return `0.912 (0.890 to 0.931)`, the value alone if there is no interval, or a dash if it is undefined."""
    value, low, high = metric.get("value"), metric.get("low"), metric.get("high")
    if value is None:
        return "–"
    if low is None or high is None:
        return f"{value:.{digits}f}"
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def result_title(result: Mapping[str, Any]) -> str:
    """Return what a result is of, and of how many materials."""
    from matdisc.tasks import TASKS

    scoring = TASKS[result["task"]].scoring
    counted = scoring.positive and result.get("n_positive") is not None  # a service with private labels tells it not
    positive = f"{result['n_positive']:,} {scoring.positive}, " if counted else ""
    return (
        f"{result['entry'] or 'this file'} on {result['dataset']} ({result['task']}): {result['n']:,} "
        f"{scoring.rows_noun}, {positive}{result['n_groups']:,} {scoring.groups_noun}"
    )


def metric_rows(result: Mapping[str, Any]) -> TableRows:
    """Return the metrics of a result beside those of the baseline."""
    from matdisc.tasks import TASKS

    metrics, baseline = result["metrics"], result["baseline"]
    rows = [
        [metric.key, metric_text(metric, metrics[metric.key]), metric_text(metric, {"value": baseline.get(metric.key)})]
        for metric in TASKS[result["task"]].metrics
        if metric.key in metrics and metric.key not in NOT_PRINTED
    ]
    return ["metric", "value (95 % interval)", "baseline"], rows


def result_notes(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield what stands below the metrics: coverage, parts, notes, and what is known about training overlap."""
    from matdisc.columns import some
    from matdisc.scoring.answers import coverage_lines
    from matdisc.tasks import TASKS

    task = TASKS[result["task"]]
    coverage = result["coverage"]
    rest = ", ".join(coverage_lines(coverage))
    yield f"answered: {coverage['answered']:,} of {coverage['expected']:,}{': ' + rest if rest else ''}"
    for part in result["secondary"] if task.scoring.by_fold else ():
        yield f"{part['name']}: {', '.join(_ranked(task, part, result['baseline']))}"
    if result.get("ignored_columns"):
        yield f"ignored columns: {some(result['ignored_columns'])}"
    for flag in result["flags"]:
        yield f"note: {flag}"
    if not task.scoring.by_fold:  # what may be learnt from is said fold by fold
        yield from _leakage(result["leakage"])


def result_parts(result: Mapping[str, Any]) -> Iterator[Part]:
    """Yield a result's headline metrics, baseline, coverage and notes."""
    yield result_title(result)
    yield metric_rows(result)
    yield from result_notes(result)


def _ranked(task: Task, part: Mapping[str, Any], baseline: Mapping[str, Any]) -> list[str]:
    """Return ranked metrics as text; those that a dataset has no labels for are left out."""
    known = [key for key in task.ranked if not task.scoring.optional_labels or baseline.get(key) is not None]
    metrics = [task.metric(key) for key in (*known, "coverage")]
    return [f"{metric.label} {metric_text(metric, part['metrics'][metric.key])}" for metric in metrics]


def _leakage(report: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield what is known about training overlap; nothing known is said, too."""
    if report is None or report.get("declared") == "unknown":
        yield "training overlap: unknown, which is not the same as clean"
    if report is None or "level_counts" not in report:
        return
    counts = ", ".join(f"{n:,} {level}" for level, n in report["level_counts"].items() if n)
    yield f"training overlap: {counts}. {report['certainty']}"
    for side, title in (("with_overlap", "shared with training"), ("without_overlap", "not shared")):
        part = report[side]
        if part:
            names = [name for name in ("f1", "daf", "mae", "rmsd", "volume_abs_error") if name in part["metrics"]]
            values = ", ".join(f"{name} {with_interval(part['metrics'][name])}" for name in names)
            yield f"  {title} ({part['n']:,}): {values}"


def comparison_title(found: Mapping[str, Any]) -> str:
    """Return what was compared, and on how many materials."""
    return (
        f"{found['first']} against {found['second']} on {found['dataset']} ({found['task']}): "
        f"{found['n']:,} materials, {found['n_groups']:,} groups by {found['unit']}"
    )


def difference_rows(found: Mapping[str, Any]) -> TableRows:
    """Return the differences of a comparison, metric by metric."""
    header = ["metric", "first", "second", "difference (95 %)", "p", "detectable"]
    return header, [_difference_row(key, d) for key, d in found["differences"].items()]


def comparison_parts(found: Mapping[str, Any]) -> Iterator[Part]:
    """Yield differences, a verdict, and where materials are called right or wrong, McNemar's test and flips."""
    yield comparison_title(found)
    yield difference_rows(found)
    if (test := found["mcnemar"]) is not None:
        yield (
            f"labels: only the first is right on {test['only_first']:,}, only the second on {test['only_second']:,}; "
            f"McNemar p = {shown(test['p_value'], '.3g')}"
        )
    for kind, title in FLIP_TABLES.items():
        table = found["flips"].get(kind, {"name": []})
        columns = [[str(cell) for cell in table[key]] for key in ("name", "gained", "lost") if table["name"]]
        if columns:
            yield [title, "second gains", "second loses"], list(zip(*columns, strict=True))[:12]
    yield f"verdict: {verdict(found)}"
    yield "p-values are for this pair alone; a whole board is corrected for all pairs (Holm) in its ranking"


def verdict(found: Mapping[str, Any]) -> str:
    """Return whether the difference in the headline metric is real, in a sentence."""
    from matdisc.tasks import TASKS

    metric = TASKS[found["task"]].headline
    name, difference = metric.label, found["differences"][metric.key]
    if difference["p_value"] is None:
        return f"{name} is undefined for one of them; nothing can be said"
    if difference["p_value"] <= 0.05:
        first = (difference["value"] > 0) == (metric.better == "higher")
        better = found["first"] if first else found["second"]
        return f"the difference in {name} is real at the 5 % level; {better} is ahead by {abs(difference['value']):.4f}"
    if difference["value"] == difference["detectable"] == 0:
        return f"both have the same {name}, however the materials are drawn"
    least = shown(difference["detectable"], ".3g")
    return f"{name} cannot tell them apart here; a difference below {least} would mostly go unseen"


def _difference_row(key: str, d: Mapping[str, Any]) -> list[str]:
    sides = [with_interval({"value": d[side]}) for side in ("first", "second")]
    return [key, *sides, with_interval(d, 4), shown(d["p_value"], ".3f"), shown(d["detectable"], ".4f")]


def shown(value: float | None, form: str) -> str:
    """Return a number as text, or a dash where there is none."""
    return "–" if value is None else format(value, form)
