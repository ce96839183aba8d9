"""Pages of alloys: sections for each protocol, every row part by part, coverage beside every score."""

import pytest
from site_beliefs import KEY, add_alloys
from site_boards import HOSTILE, make_board
from site_html import Page

from matdisc.leaderboard.site import build


@pytest.fixture(scope="module")
def alloy_site(tmp_path_factory):
    root = tmp_path_factory.mktemp("alloys")
    return build(add_alloys(make_board(root / "board", results=False)), root / "out")


RESULT = f"models/evidence-x/alloys--{KEY}.html"


def chart_labels(page):
    return [a["aria-label"] for a in page.all("svg") if a.get("role") == "img"]


@pytest.mark.parametrize(
    "name", [f"datasets/{KEY}.html", "models/evidence-x.html", RESULT, "tasks/alloys.html", "methods.html"]
)
def test_pages_of_alloys_balance_and_repeat_no_id(alloy_site, name):
    page = Page(alloy_site / name)
    assert not page.problems
    assert len(set(page.ids)) == len(page.ids)
    assert not page.all("img")


def test_the_dataset_page_has_every_row_part_by_part_with_its_coverage(alloy_site):
    words = Page(alloy_site / f"datasets/{KEY}.html").words
    parts = [words.index(f"{name} 920 answers, 54.3 % High") for name in ("Headline", "One element left out")]
    assert parts == sorted(parts)
    assert "margins above 1 700 answers" in words
    assert words.count("76.6 (74.6–78.6)") == 3 * 3  # three rows that do not abstain, in three parts
    assert words.count("0.0 (−2.0–2.0)") == 3


def test_the_dataset_page_counts_answers_and_alloys(alloy_site):
    assert "920 answers on 102 alloys" in Page(alloy_site / f"datasets/{KEY}.html").words


def test_the_dataset_page_lays_the_first_curves_of_all_ranked_rows_over_each_other_in_each_section(alloy_site):
    labels = [label for label in chart_labels(Page(alloy_site / f"datasets/{KEY}.html")) if label.startswith("Errors")]
    assert len(labels) == 2
    for label in labels:
        assert "The forest-x row 1, The evidence-x row 1, The silent-x row 1." in label
        assert "perfect order" not in label


def test_the_page_of_a_result_has_a_section_for_each_protocol_and_folds_the_charts_of_later_ones(alloy_site):
    page = Page(alloy_site / RESULT)
    heads = [text for tag, text in page.text if tag == "h3"]
    assert [head for head in heads if head in ("Learning from a tenth", "One element left out")] == [
        "Learning from a tenth", "One element left out",
    ]  # fmt: skip
    assert page.words.count("It abstains on 23.4 % of the alloys.") == 2
    assert page.words.count("Show charts and other tables") == 1
    assert page.words.count("Show data") == len(chart_labels(page))
    assert f"../../data/curves/alloys/{KEY}/evidence-x.json" in [a["href"] for a in page.all("a")]


def test_elements_left_out_stand_in_the_periodic_table(alloy_site):
    page = Page(alloy_site / RESULT)
    cells = [a["title"] for a in page.all("td") if (a.get("title") or "").startswith(("Fe:", "Co:"))]
    assert cells == ["Fe: Brier 0.2; alloys with it 28", "Co: Brier 0.3; alloys with it 20"]
    assert ("th", HOSTILE) in page.text


def test_results_on_the_folds_of_the_card_are_not_called_stale(alloy_site):
    assert "stale" not in Page(alloy_site / RESULT).words
