"""A board and its site, built once for all tests that only read."""

from pathlib import Path

import pytest
from site_boards import make_board
from site_details import add_details
from site_population import add_population

from matdisc.board import Board
from matdisc.leaderboard.site import build


@pytest.fixture(autouse=True)
def fixed_time(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1790000000")


@pytest.fixture
def board(tmp_path) -> Board:
    return make_board(tmp_path / "board")


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("site")
    return build(make_board(root / "board"), root / "out")


@pytest.fixture(scope="session")
def full_site(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("full")
    return build(add_details(make_board(root / "board")), root / "out")


@pytest.fixture(scope="session")
def sample_site(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("sample")
    return build(add_population(make_board(root / "board")), root / "out")


@pytest.fixture(scope="session")
def empty_site(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("empty")
    return build(make_board(root / "board", results=False), root / "out")
