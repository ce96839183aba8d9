"""Every page of a board with everything on it: its tags, its ids, and where it leads; and boards of any size."""

import re
from collections import Counter
from urllib.parse import unquote, urldefrag

import pytest
from site_boards import HOSTILE, make_board, model_card, place, result, write
from site_html import read_pages
from whole_site import KINDS, kind_of, make_whole

from matdisc.leaderboard.site import build


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return make_whole(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def pages(whole):
    return {page.path.relative_to(whole).as_posix(): page for page in read_pages(whole)}


def broken(site, pages):
    """Links to files or fragments of the same site that are not there."""
    found = []
    for place_, page in pages.items():
        for tag, attributes in page.tags:
            link = attributes.get("href") or attributes.get("src")
            if not link or tag == "svg" or re.match(r"[a-z]+:", link) or place_ == "404.html":
                continue
            path, fragment = urldefrag(link)
            target = (page.path.parent / unquote(path.partition("?")[0])) if path else page.path
            name = target.resolve().relative_to(site.resolve()).as_posix()
            if not target.is_file() or (fragment and name in pages and fragment not in pages[name].ids):
                found.append(f"{place_}: {link}")
    return found


def test_there_is_a_page_of_every_kind_and_no_other(pages):
    assert set(KINDS.values()) <= set(pages)
    assert {kind_of(path) for path in pages} == {kind_of(path) for path in KINDS.values()}


def test_tags_balance_and_no_id_is_there_twice(pages):
    assert {path: page.problems for path, page in pages.items() if page.problems} == {}
    twice = {path: [id for id, n in Counter(page.ids).items() if n > 1] for path, page in pages.items()}
    assert {path: ids for path, ids in twice.items() if ids} == {}


def test_what_a_label_or_description_names_is_on_the_page(pages):
    lost = []
    for path, page in pages.items():
        for _, attributes in page.tags:
            for name in ("aria-labelledby", "aria-describedby", "aria-controls", "for"):
                lost += [f"{path}: {name}={id}" for id in (attributes.get(name) or "").split() if id not in page.ids]
    assert lost == []


def test_every_link_and_fragment_leads_somewhere(whole, pages):
    assert broken(whole, pages) == []


def test_a_table_has_a_caption_and_its_headings_a_scope(pages):
    for path, page in pages.items():
        assert len(page.all("caption")) == len(page.all("table")), path
        assert [head for head in page.all("th") if "scope" not in head] == [], path


def test_every_page_has_one_first_heading_a_title_and_a_policy(pages):
    for path, page in pages.items():
        assert len(page.all("h1")) == 1, path
        assert [text for tag, text in page.text if tag == "title"], path
        assert [meta for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"], path
        assert not [tag for tag, attributes in page.tags if "style" in attributes or tag == "style"], path


@pytest.mark.parametrize("n", [0, 1, 50])
def test_a_board_of_any_size_has_sound_pages_whatever_models_are_called(tmp_path, n):
    board = make_board(tmp_path / "board", results=False)
    names = ["x" * 120, "\u05d0\u05d1\u05d2", "a & b, (c)", "-1"]
    for i in range(n):
        write(board.models_dir / f"m{i}" / "model.toml", model_card(f"m{i}", names[i % 4], str(i), False))
        place(board, result(f"m{i}", f1=0.9 - i / 100, mae=None if i % 3 == 0 else 0.1 + i / 100, flags=[HOSTILE]))
    site = build(board, tmp_path / "out")
    pages = {page.path.relative_to(site).as_posix(): page for page in read_pages(site)}
    assert {path: page.problems for path, page in pages.items() if page.problems} == {}
    assert {path for path, page in pages.items() if page.all("img")} == set()
    assert broken(site, pages) == []
    rows = [row for row in pages["index.html"].all("tr") if "data-m" in row]
    assert len(rows) == n
