"""Every page: sound HTML, working links, nothing from elsewhere, no text that turns into markup."""

import re
import tomllib
from urllib.parse import unquote, urlsplit

import pytest
from site_boards import HOSTILE, LONG_KEY
from site_html import Page, read_pages

from matdisc.cards import ModelCard
from matdisc.tasks import TASKS


@pytest.fixture(scope="module", params=["site", "full_site", "sample_site", "empty_site"])
def folder(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def pages(folder):
    return read_pages(folder)


def test_there_is_a_page_for_everything(site):
    for name in ("index", "methods", "submit", "404", "tasks/discovery", "tasks/polymorphs", f"models/{LONG_KEY}"):
        assert (site / f"{name}.html").is_file()
    assert (site / "datasets/alpha-set.html").is_file()


def test_tags_balance_and_ids_are_unique(pages):
    for page in pages:
        assert page.problems == [], page.path
        assert len(set(page.ids)) == len(page.ids), page.path


def test_every_internal_link_resolves(pages, folder):
    anchors = {page.path.resolve(): set(page.ids) for page in pages}
    for page in pages:
        for href in [a["href"] for a in page.all("a", "link")] + [a["src"] for a in page.all("script") if "src" in a]:
            parts = urlsplit(href)
            if parts.scheme:
                continue
            place = folder if parts.path.startswith("/") else page.path.parent
            target = (place / unquote(parts.path).lstrip("/")).resolve() if parts.path else page.path.resolve()
            assert target.is_file(), f"{page.path}: {href}"
            assert folder.resolve() in target.parents
            assert not parts.fragment or parts.fragment in anchors[target], f"{page.path}: {href}"


def test_only_the_page_of_what_is_not_there_has_links_from_the_root(pages, folder):
    """A host shows it in the place of pages at any depth; all others lie where they are asked for."""
    for page in pages:
        links = [a["href"] for a in page.all("a", "link")] + [a["src"] for a in page.all("script") if "src" in a]
        own = [link for link in links if not urlsplit(link).scheme and not link.startswith("#")]
        assert own, page.path
        lost = page.path == folder / "404.html"
        assert all(link.startswith("/") == lost for link in own), page.path


def test_nothing_is_loaded_from_elsewhere(pages):
    for page in pages:
        for attributes in page.all("link", "script", "img", "iframe", "source", "use", "object", "embed"):
            for name in ("src", "href", "data", "srcset"):
                value = attributes.get(name) or ""
                assert not value.startswith(("http:", "https:", "//")), f"{page.path}: {value}"


def test_external_links_are_https_and_give_nothing_away(pages):
    for page in pages:
        for attributes in page.all("a"):
            if urlsplit(attributes["href"]).scheme:
                assert attributes["href"].startswith("https://")
                assert attributes["rel"] == "noopener nofollow"


def test_no_page_has_inline_scripts_or_styles(pages):
    for page in pages:
        assert not page.all("style", "iframe", "base", "form")
        for tag, attributes in page.tags:
            assert "style" not in attributes, (page.path, tag)
            assert not [name for name in attributes if name.startswith("on")], (page.path, tag)
        for script in page.all("script"):
            assert list(script) in (["defer", "src"], ["type", "id"], ["type"])
            assert script.get("type") in ("application/json", "application/ld+json") or re.search(
                "(assets|data)/", script["src"]
            )


def test_every_page_carries_the_strict_policy(pages):
    expected = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'"
    )
    for page in pages:
        policies = [a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
        assert policies == [expected]


def test_every_table_has_a_caption_and_scopes_and_a_labelled_region(pages):
    for page in pages:
        assert len(page.all("caption")) == len(page.all("table"))
        assert all(a.get("scope") in ("col", "row", "colgroup", "rowgroup") for a in page.all("th"))
        regions = [a for a in page.all("div") if a.get("role") == "region"]
        assert len(regions) == len(page.all("table"))
        assert all(a["tabindex"] == "0" and a["aria-labelledby"] in page.ids for a in regions)


def test_charts_say_in_words_what_they_show(site):
    charts = [a for a in Page(site / "tasks/discovery.html").all("svg") if a.get("role") == "img"]
    assert len(charts) == 2
    assert "GraphNet 0.3.0: 0.912 (0.895–0.929)" in charts[0]["aria-label"]


def test_hostile_text_stays_text(site):
    page = Page(site / "models/meshnet-2.html")
    assert not page.all("img")
    assert len(page.all("script")) == 1
    assert HOSTILE.split("\u2028")[0].strip() in page.words


def test_flags_stand_as_text_on_the_model_page_and_as_badges_on_the_board(site):
    sentence = "level of theory differs: model r2SCAN; labels PBE and PBE+U with MP2020 corrections"
    assert sentence in Page(site / "models/meshnet-2.html").words
    badges = [a for a in Page(site / "tasks/discovery.html").all("a") if a.get("class") == "badge warns"]
    assert sentence in [a["title"] for a in badges]


def test_undefined_and_unreported_values_say_which_they_are(site):
    titles = [a.get("title") for a in Page(site / "tasks/discovery.html").all("td")]
    assert "undefined" in titles
    assert "not reported" in titles


def test_a_board_without_results_says_how_to_get_rows(empty_site):
    words = Page(empty_site / "index.html").words
    assert "No results yet" in words
    assert "matdisc submit FILE --card CARD --task discovery" in words


def test_every_metric_of_the_board_is_defined_on_the_methods_page(site):
    page = Page(site / "methods.html")
    heads = [a["data-key"] for a in Page(site / "tasks/discovery.html").all("th") if a.get("data-key")]
    assert set(heads) - {"name"} <= set(page.ids)
    new = "rank-interval holm tie-group detectable bounds prevalences precision-at-k roc slices calibration compat"
    assert set(new.split()) <= set(page.ids)
    assert "not done yet" not in page.words


def test_the_trivial_answer_of_every_task_stands_on_the_methods_page(site):
    words = Page(site / "methods.html").words
    for task in TASKS.values():
        assert f"{task.title.lower()}: {task.scoring.baseline_text.lower()}" in words


def test_the_example_of_a_card_on_the_submission_page_is_a_card(site):
    (text,) = [text for tag, text in Page(site / "submit.html").text if tag == "code" and text.startswith("key = ")]
    assert ModelCard.model_validate(tomllib.loads(text)).key == "my-model-1.0"


def test_the_submission_page_has_the_answer_columns_of_every_task(site):
    heads = {text for tag, text in Page(site / "submit.html").text if tag == "code"}
    for task in TASKS.values():
        assert task.columns[0].name in heads
