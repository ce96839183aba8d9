"""A draw beside its population: published values, detectable differences, unknown labels, and all rows together."""

import pytest
from site_boards import place, result
from site_html import Page

from matdisc.leaderboard.site import build
from matdisc.leaderboard.site.tables.cells import cell, published_value
from matdisc.leaderboard.site.tables.format import METRICS
from matdisc.scoring.record import Value

AROUND = Value(value=0.5, low=0.4, high=0.6)


def classes(page, name):
    return [a for _, a in page.tags if name in (a.get("class") or "").split()]


@pytest.mark.parametrize(
    ("number", "side", "mark"),
    [(0.4, "inside", ""), (0.6, "inside", ""), (0.39, "below", "▼"), (0.61, "above", "▲")],
)
def test_the_ends_belong_to_the_interval_that_a_published_value_is_held_against(number, side, mark):
    found = published_value(METRICS["f1"], AROUND, number)
    assert (found.side, found.mark) == (side, mark)


def test_a_published_value_beside_no_interval_lies_nowhere():
    found = cell(METRICS["tp"], Value(value=320), published=300)
    assert (found.published.text, found.published.side, found.title) == ("300", "", "published: 300")


def test_sorting_stays_by_our_own_value():
    assert cell(METRICS["f1"], AROUND, published=0.9).sort == "0.5"


def test_published_values_stand_below_the_intervals_and_those_outside_are_marked(sample_site):
    page = Page(sample_site / "tasks/discovery.html")
    assert len(classes(page, "published")) == 4
    assert len(classes(page, "outside")) == 2
    words = page.words
    assert "0.895–0.929 all: 0.900" in words
    assert "all: 3.00 ▼ below the interval" in words
    assert "all: 0.040 ▲ above the interval" in words
    titles = [a.get("title") for a in page.all("td")]
    assert "95 % interval 0.895 to 0.929; 0.900, published for the whole population, lies inside the interval" in titles


def test_the_caption_says_once_what_the_small_numbers_are(sample_site):
    words = Page(sample_site / "datasets/alpha-set.html").words
    assert "for all of Alpha (136,700 materials), ▲ above or ▼ below the interval" in words
    assert words.count("“all” is what was") == 1


def test_a_population_a_hundred_times_as_large_shows_a_tenth_of_the_difference(sample_site):
    words = Page(sample_site / "datasets/alpha-set.html").words
    assert (
        "Smallest detectable difference in F1: 0.042 with these 1,367 materials; all 136,700 would show 0.0042."
        in words
    )
    assert "Within a tie group the order may be chance" in words


def test_the_page_of_a_draw_names_its_population_with_the_source(sample_site):
    page = Page(sample_site / "datasets/alpha-set.html")
    assert "Drawn from Alpha: 136,700 materials, published values" in page.words
    assert "drawn at random from 136,700" in page.words
    assert "https://example.org/published" in [a["href"] for a in page.all("a")]


def test_a_result_has_a_column_of_published_values_and_its_model_the_approach(sample_site):
    assert "Approach universal potential" in Page(sample_site / "models/graphnet-0.3.0.html").words
    words = Page(sample_site / "models/graphnet-0.3.0/discovery--alpha-set.html").words
    assert "Published all of Alpha, 136,700" in words
    assert "3.28 3.27–3.30 3.00 ▼ below the interval" in words
    assert "Published" not in Page(sample_site / "models/meshnet-2/discovery--alpha-set.html").words


def test_unknown_hull_distances_are_counted_and_scores_say_what_they_are_over(board):
    place(board, result("graphnet-0.3.0", f1=0.912, mae=0.0312) | {"n_labelled": 206})
    site = build(board)
    words = Page(site / "datasets/alpha-set.html").words
    assert "1,367 materials 206 with a known hull distance 26.1 % of them stable" in words
    assert "Errors are over all materials, all scores of stability over those with a known hull distance" in words
    assert (
        "1,367 materials, 206 with a known hull distance"
        in Page(site / "models/graphnet-0.3.0/discovery--alpha-set.html").words
    )


def test_a_dataset_page_has_all_figures_and_tables_in_the_order_of_the_file(sample_site):
    page = Page(sample_site / "datasets/alpha-set.html")
    wanted = ("approaches", "near-hull", "published-rows")
    found = [one for one in page.ids if one.startswith("cap-t-") and "part" not in one and "headline" not in one]
    assert found == [f"cap-t-discovery--alpha-set-{key}" for key in wanted]
    assert "as measured" not in page.words
    assert "cap-t-polymorphs--beta-set-approaches" in Page(sample_site / "datasets/beta-set.html").ids


def test_a_row_of_published_predictions_says_whose_they_are(board):
    place(board, result("meshnet-2", f1=0.8, mae=0.1, entry="meshnet-2+published"))
    place(board, result("composition-rf", f1=0.8, mae=0.1, entry="lattice-gp+published") | {"model": "lattice-gp"})
    (board.results_dir / "discovery" / "alpha-set" / "lattice-gp.json").unlink()
    site = build(board)
    words = "published: the predictions that its authors or Matbench Discovery published"
    assert f"{words}, beside our own run." in Page(site / "models/meshnet-2/discovery--alpha-set~published.html").words
    assert f"{words}." in Page(site / "models/lattice-gp/discovery--alpha-set~published.html").words


def test_a_board_without_populations_shows_nothing_of_them(site, full_site):
    for folder in (site, full_site):
        page, data = Page(folder / "tasks/discovery.html"), Page(folder / "datasets/alpha-set.html")
        assert classes(page, "published") == classes(page, "chart plot") == []
        assert "Small numbers are 95 % intervals." in page.words
        for words in (page.words, data.words):
            assert "drawn at random" not in words
            assert "known hull distance" not in words
            assert "All rows together" not in words
            assert "would show" not in words
        assert "Drawn from" not in data.words
