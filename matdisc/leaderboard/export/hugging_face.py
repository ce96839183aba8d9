"""Cards and results as repositories of the Hugging Face Hub: model and dataset cards, `eval.yaml`, `.eval_results`.

Formats: https://huggingface.co/docs/hub/eval-results and https://huggingface.co/docs/hub/model-cards.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from matdisc.cards import DatasetCard, ModelCard
from matdisc.errors import CardError
from matdisc.leaderboard.export.licences import hub_licence
from matdisc.leaderboard.names import display_name
from matdisc.leaderboard.schema.result import Result
from matdisc.scoring.metric import Metric, show, show_interval
from matdisc.scoring.record import Value
from matdisc.tasks import TASKS
from matdisc.tasks.describe import table

FRAMEWORK = "matdisc"
TAGS = ("materials-science", "chemistry", "matdisc")
WRITTEN = "<!-- Written by `matdisc export hugging-face`; edit the card on the board and write it anew. -->"
SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"))
NAMESPACE = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38}[A-Za-z0-9])?"


def check_namespace(namespace: str) -> str:
    """Return the name of a user or an organisation of the Hub, as it is.

    Raises:
        CardError: If no account can be called so.
    """
    if not re.fullmatch(NAMESPACE, namespace):
        raise CardError(f"--namespace is {namespace!r}; give a user or an organisation of the Hub, as in 'my-group'")
    return namespace


@dataclass(frozen=True, slots=True)
class Row:
    """A result of a model: the metric that its table is sorted by, the value, and which variant of the model it is."""

    result: Result
    metric: Metric
    value: Value
    variant: str

    @property
    def number(self) -> float:
        """The value with six significant digits."""
        return float(f"{self.value.value:.6g}")


def model_files(card: ModelCard, results: Iterable[Result], titles: dict[str, str], namespace: str) -> dict[str, str]:
    """Return the files of a model's repository: `README.md`, and one in `.eval_results/` for each result with a value.

    Args:
        card: The model's card.
        results: Of this model.
        titles: What datasets are called, by key.
        namespace: The account that has the datasets, each under its key.
    """
    rows = [row for result in results if (row := _row(result))]
    files = {"README.md": _model_readme(card, rows, titles, namespace)}
    for row in rows:
        result = row.result
        better = f" ({row.metric.better} is better)" if row.metric.better else ""
        said = [row.metric.label + better, row.variant, (result.protocol and result.protocol.help) or ""]
        entry = {
            "dataset": {"id": f"{namespace}/{result.dataset}", "task_id": result.task},
            "value": row.number,
            "evaluation_framework": FRAMEWORK,
            "notes": "; ".join(text for text in said if text),
        }
        name = "--".join(filter(None, (result.task, result.dataset, row.variant)))
        files[f".eval_results/{re.sub(r'[^A-Za-z0-9._-]+', '-', name)}.yaml"] = _yaml([entry])
    return files


def _row(result: Result) -> Row | None:
    """Return a result by its headline; None where that is undefined, or its task is not installed."""
    if result.task not in TASKS:
        return None
    metric = TASKS[result.task].headline_of(result.baseline)
    value = result.value(metric.key)
    if value is None or value.value is None:
        return None
    return Row(result, metric, value, result.entry.partition("+")[2])


def _model_readme(card: ModelCard, rows: Sequence[Row], titles: dict[str, str], namespace: str) -> str:
    head: dict[str, Any] = {
        **hub_licence(card.licence.weights or card.licence.code),
        "tags": [*TAGS, card.kind],
    }
    if rows:
        index = [_indexed(row, titles, namespace) for row in rows]
        head["model-index"] = [{"name": display_name(card), "results": index}]
    facts = {
        "Version": card.version,
        "Authors": ", ".join(person.name for person in card.authors),
        "Gives": ", ".join(card.gives),
        "Level of theory": card.level_of_theory,
        "Training sets": ", ".join(card.training_sets) or "unknown",
        "Parameters": f"{card.n_params:,}" if card.n_params is not None else None,
        "Licence": ", weights ".join(filter(None, (card.licence.code, card.licence.weights))),
        "Citation": card.citation,
        "Paper": card.links.paper,
        "Repository": card.links.repository,
    }
    return _readme(head, display_name(card), card.summary, facts, _results(rows, titles) if rows else "")


def _indexed(row: Row, titles: dict[str, str], namespace: str) -> dict[str, Any]:
    result, metric = row.result, row.metric
    name = f"{metric.label} ({row.variant})" if row.variant else metric.label
    return {
        "task": {"type": result.task, "name": TASKS[result.task].title},
        "dataset": {"type": f"{namespace}/{result.dataset}", "name": titles.get(result.dataset, result.dataset)},
        "metrics": [{"type": metric.key, "name": name, "value": row.number}],
    }


def _results(rows: Sequence[Row], titles: dict[str, str]) -> str:
    cells = [
        [
            TASKS[row.result.task].title,
            titles.get(row.result.dataset, row.result.dataset),
            row.variant or "–",
            row.metric.label,
            f"{show(row.metric, row.value.value)} {row.metric.unit or ''}".strip(),
            show_interval(row.metric, row.value.low, row.value.high) or "–",
            str(row.result.n),
        ]
        for row in rows
    ]
    head = ("task", "dataset", "variant", "metric", "value", "95 % interval", "n")
    return f"## Results\n\n{table(head, cells)}"


def dataset_files(card: DatasetCard) -> dict[str, str]:
    """Return the files of a dataset's repository: `README.md` and `eval.yaml`, by which the Hub makes it a benchmark.

    Tables beside the card become configurations, the first one `default`; they are named, and have to lie beside these
    files when they are uploaded.
    """
    tables = [file.name for file in card.files if file.embedded and file.name.endswith(".csv")]
    names = ["default", *(name.removesuffix(".csv") for name in tables[1:])]
    configs = [
        {"config_name": config, "data_files": [{"split": "test", "path": path}]}
        for config, path in zip(names, tables, strict=False)
    ]
    head: dict[str, Any] = {
        **hub_licence(card.licence),
        "pretty_name": card.title,
        "size_categories": [next((text for most, text in SIZES if card.n_samples < most), "10M<n<100M")],
        "tags": [*TAGS, "benchmark"],
        **({"configs": configs} if configs else {}),
    }
    facts = {
        "Materials scored": f"{card.n_samples:,}",
        "Level of theory": card.level_of_theory,
        "Licence": card.licence,
        "Content hash (sha256)": card.sha256,
    }
    facts |= {"Citation" + f" {i}" * (i > 1): text for i, text in enumerate(card.citation, 1)}
    cells = [[f"`{name}`", column.role, column.unit, column.help] for name, column in card.columns.items()]
    columns = f"## Columns\n\n{table(('column', 'role', 'unit', 'meaning'), cells)}"
    benchmark = {
        "name": card.title,
        "description": " ".join(card.summary.split()),
        "evaluation_framework": FRAMEWORK,
        "tasks": [{"id": task, "config": "default", "split": "test"} for task in card.tasks],
    }
    return {"README.md": _readme(head, card.title, card.summary, facts, columns), "eval.yaml": _yaml(benchmark)}


def _readme(head: Any, title: str, summary: str, facts: dict[str, str | None], more: str) -> str:
    lines = [f"* {name}: {' '.join(text.split())}" for name, text in facts.items() if text]
    parts = [WRITTEN, f"# {title}", " ".join(summary.split()), "\n".join(lines), more]
    return f"---\n{_yaml(head)}---\n" + "\n\n".join(part for part in parts if part) + "\n"


def _yaml(content: Any) -> str:
    import yaml

    return str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120))
