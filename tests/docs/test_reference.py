"""What the reference is made from is complete."""

import sys
from pathlib import Path

import pytest

from matdisc.cards import DatasetCard, ModelCard
from matdisc.tasks import TASKS

sys.path.append(str(Path(__file__).parents[2] / "docs" / "_ext"))

import cards_page
from markdown_text import linked

TEXT = cards_page.PROSE.read_text(encoding="utf-8")


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.key)
def test_every_metric_that_rows_are_ranked_by_has_a_formula_and_a_source(task):
    for key in task.ranked:
        metric = task.metric(key)
        assert metric.formula, key
        assert any(mark in metric.source for mark in ("doi:", "arXiv:", "https://", "docs/")), key


def test_a_doi_and_an_arxiv_number_are_links():
    assert linked("A, B 1, 2 (1950), doi:10.1/a<b>c.") == (
        "A, B 1, 2 (1950), [doi:10.1/a\\<b\\>c](<https://doi.org/10.1/a%3Cb%3Ec>)."
    )
    assert linked("C, arXiv:1805.08206.") == "C, [arXiv:1805.08206](<https://arxiv.org/abs/1805.08206>)."


@pytest.mark.parametrize(("title", "card"), [("Model card", ModelCard), ("Dataset card", DatasetCard)])
def test_every_field_of_a_card_is_explained_on_the_page_about_cards(title, card):
    assert set(card.model_fields) <= set(cards_page.meanings(TEXT)[title])


def test_type_and_default_of_a_field_come_from_its_card():
    lines = cards_page.markdown().splitlines()
    assert any(line.startswith("| `status` | `experimental`, `stable`, `deprecated` | `stable` |") for line in lines)
    assert any(line.startswith("| `gpus` | number ≥ 0 ≤ 8 | `0` |") for line in lines)
