"""The picture of the board, which the README shows."""

import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path

from site_boards import make_board

from matdisc.board import Board
from matdisc.leaderboard.site.content import read_content
from matdisc.leaderboard.site.history import History
from matdisc.leaderboard.site.pages import overview
from matdisc.leaderboard.site.settings import read_settings
from matdisc.leaderboard.site.site import make_site

ROOT = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"


def picture_of(board):
    settings = read_settings(board.root / "leaderboard" / "site.toml")
    site = make_site(read_content(board), settings, datetime(2026, 1, 1, tzinfo=UTC), History())
    return overview.pages(site)["board.svg"]


def test_the_picture_of_the_readme_is_what_the_build_makes_of_the_board():
    assert (ROOT / "docs" / "board.svg").read_text(encoding="utf-8") == picture_of(Board(ROOT))


def test_the_picture_is_small_stands_alone_and_has_the_best_rows_with_their_intervals(tmp_path):
    text = picture_of(make_board(tmp_path))
    drawn = ET.fromstring(text)
    names = [one.text for one in drawn.iter(f"{SVG}text") if one.get("class") == "name"]
    assert names[0] == "GraphNet 0.3.0"
    assert len(names) <= 10
    assert len(text) < 10_000
    assert not any("href" in name for one in drawn.iter() for name in one.attrib)
