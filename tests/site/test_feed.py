"""The Atom feed: what RFC 4287 asks of a feed and its entries, whatever the names are."""

import re
from datetime import UTC, datetime
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree

import pytest
from site_boards import place, result, write
from site_html import Page

from matdisc.leaderboard.site import build
from matdisc.leaderboard.site.pages.changes import NO_XML

ATOM = "{http://www.w3.org/2005/Atom}"
XHTML = "{http://www.w3.org/1999/xhtml}"
RFC3339 = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


@pytest.fixture
def changed(board):
    """A board whose site was built a first time, and has a change since."""
    build(board)
    place(board, result("lattice-gp", f1=0.96, mae=0.1))
    return board


def feed_of(board, **options):
    site = build(board, created=datetime(2026, 10, 1, tzinfo=UTC), **options)
    return ElementTree.parse(site / "feed.xml").getroot()


def only(parent, name):
    (found,) = parent.findall(ATOM + name)
    return found


def test_feed_and_entries_have_what_the_rfc_asks_for(changed):
    feed = feed_of(changed)
    assert feed.tag == f"{ATOM}feed"
    entries = feed.findall(f"{ATOM}entry")
    assert len(entries) == 2
    for part in (feed, *entries):
        assert only(part, "id").text.startswith("urn:uuid:")
        assert only(part, "title").text.strip()
        assert re.fullmatch(RFC3339, only(part, "updated").text)
    assert only(only(feed, "author"), "name").text == "matdisc leaderboard"
    assert [link.get("rel") for link in feed.findall(f"{ATOM}link")] == ["self", "alternate"]


def test_the_content_of_an_entry_is_one_div_that_says_what_changed(changed):
    entry, first = feed_of(changed).findall(f"{ATOM}entry")
    assert only(entry, "content").get("type") == "xhtml"
    (div,) = only(entry, "content")
    assert div.tag == f"{XHTML}div"
    assert "Lattice GP 2026.1 0.640 → 0.960; place 4 → 1 (up); changed: scored in another way" in " ".join(
        "".join(div.itertext()).split()
    )
    assert only(entry, "title").text == "1 row changed, 3 moved."
    assert only(first, "title").text == "First build: 10 rows of 7 models on 2 data sets."


def test_ids_are_unique_and_stay_when_the_board_changes_and_moves(changed):
    def ids(feed):
        return [part.text for part in feed.iter(f"{ATOM}id")]

    before = ids(feed_of(changed))
    place(changed, result("composition-rf", f1=0.5, mae=0.1))
    after = ids(feed_of(changed, base_url="https://new.example.org/"))
    assert len(set(after)) == len(after) == 4
    assert set(before) < set(after)


def test_the_feed_is_as_old_as_its_newest_entry(changed):
    feed = feed_of(changed)
    assert only(feed, "updated").text == "2026-10-01T00:00:00Z"
    assert feed.find(f"{ATOM}entry/{ATOM}updated").text == "2026-10-01T00:00:00Z"


def links(feed):
    return [tag.get("href") for tag in feed.iter() if tag.get("href")]


def test_links_are_absolute_where_the_address_is_known(changed):
    found = links(feed_of(changed, base_url="https://lab.github.io/board"))
    assert "https://lab.github.io/board/changes.html#b2" in found
    assert "https://lab.github.io/board/models/lattice-gp.html" in found
    assert all(link.startswith("https://lab.github.io/board/") for link in found)


def test_links_are_relative_to_the_feed_where_the_address_is_not_known(changed):
    found = links(feed_of(changed))
    assert "changes.html#b2" in found
    assert not [link for link in found if urlsplit(link).scheme or link.startswith("/")]
    site = changed.site_dir
    ids = Page(site / "changes.html").ids
    for link in found:
        parts = urlsplit(urljoin("http://site/feed.xml", link))
        assert (site / parts.path.lstrip("/")).is_file(), link
        assert not parts.fragment or parts.fragment in ids, link


def test_hostile_titles_stay_text(board):
    title = r"<script>alert(1)</script> ]]> & \"q\" \u202eabc"
    write(board.root / "leaderboard" / "site.toml", f'title = "{title}"\n')
    feed = feed_of(board)
    assert only(feed, "title").text == '<script>alert(1)</script> ]]> & "q" \u202eabc: changes'
    assert not [tag for tag in feed.iter() if tag.tag.endswith("script")]


def test_characters_that_xml_cannot_hold_are_replaced():
    assert NO_XML.sub("?", "a\x00\x08\x0b\x1b\ud800\ufffe\tb\n\U0001f600") == "a??????\tb\n\U0001f600"


def test_the_publisher_is_the_author(board):
    write(board.root / "leaderboard" / "site.toml", 'publisher = "Example University"\n')
    assert only(only(feed_of(board), "author"), "name").text == "Example University"


def test_pages_tell_where_the_feed_is(site):
    for path, href in (("index.html", "feed.xml"), ("models/meshnet-2.html", "../feed.xml")):
        feeds = [a for a in Page(site / path).all("link") if a.get("type") == "application/atom+xml"]
        assert [(a["rel"], a["href"]) for a in feeds] == [("alternate", href)]
