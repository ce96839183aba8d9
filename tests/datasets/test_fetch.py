"""Files: hash always checked, cache mended, mirror copied, network missed in plain words."""

import hashlib
import time

import pytest

from matdisc.board import Board
from matdisc.cards import DataFile
from matdisc.datasets.describe import describe
from matdisc.datasets.fetch import cached_path, dataset_files, pull
from matdisc.datasets.load import load
from matdisc.datasets.verify import verify
from matdisc.errors import CardError, DataError

LABELS = b"element,ase_structure,structure,a_angstrom,c_angstrom,used\nCu,fcc,fcc,3.6,,true\n"
CARD = """
key = "toy"
title = "Toy"
summary = "Toy."
licence = "MIT"
citation = ["Nobody."]
level_of_theory = "none"
tasks = ["polymorphs"]
builder = "matdisc.datasets.elements:build"
n_samples = 5
sha256 = "{content}"
[split]
kind = "folds"
by = "compound"
[columns]
stable = {{ role = "target", unit = "1", help = "Label." }}
[[files]]
name = "ground_states.csv"
sha256 = "{sha}"
bytes = {size}
licence = "MIT"
{source}
"""
PUBLIC = 'url = "https://127.0.0.1:9/x.csv"\nmirror = "toy/x.csv"'


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MATDISC_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MATDISC_MIRROR", raising=False)


def sha(data):
    return hashlib.sha256(data).hexdigest()


def toy(tmp_path, source="", content="0" * 64):
    folder = tmp_path / "board" / "datasets" / "toy"
    folder.mkdir(parents=True, exist_ok=True)
    card = CARD.format(sha=sha(LABELS), size=len(LABELS), source=source, content=content)
    (folder / "dataset.toml").write_text(card, encoding="utf-8")
    if not source:
        (folder / "ground_states.csv").write_bytes(LABELS)
    return Board(tmp_path / "board")


def with_mirror(tmp_path, monkeypatch, data=LABELS):
    (tmp_path / "mirror" / "toy").mkdir(parents=True, exist_ok=True)
    (tmp_path / "mirror" / "toy" / "x.csv").write_bytes(data)
    monkeypatch.setenv("MATDISC_MIRROR", str(tmp_path / "mirror"))


def test_an_embedded_file_lies_beside_the_card(tmp_path):
    board = toy(tmp_path)
    path = board.datasets_dir / "toy" / "ground_states.csv"
    assert dataset_files(board, board.dataset("toy")) == {"ground_states.csv": path}


def test_a_tampered_embedded_file_is_refused_with_both_hashes(tmp_path):
    board = toy(tmp_path)
    changed = LABELS.replace(b"3.6", b"3.7")
    (board.datasets_dir / "toy" / "ground_states.csv").write_bytes(changed)
    with pytest.raises(DataError, match=f"ground_states.csv has sha256 {sha(changed)}, the card says {sha(LABELS)}"):
        pull(board, "toy")
    assert [(c.what, c.ok) for c in verify(board, "toy")] == [("file ground_states.csv", False)]


def test_a_mirror_is_copied_once_and_then_the_cache_serves(tmp_path, monkeypatch):
    board = toy(tmp_path, PUBLIC)
    with_mirror(tmp_path, monkeypatch)
    target = tmp_path / "cache" / "toy" / "x.csv"
    assert pull(board, "toy") == [("ground_states.csv", target, "mirror")]
    monkeypatch.delenv("MATDISC_MIRROR")
    assert pull(board, "toy") == [("ground_states.csv", target, "cache")]
    assert [p.name for p in target.parent.iterdir()] == ["x.csv"]


def test_a_damaged_cached_copy_is_fetched_again(tmp_path, monkeypatch):
    board = toy(tmp_path, PUBLIC)
    with_mirror(tmp_path, monkeypatch)
    target = tmp_path / "cache" / "toy" / "x.csv"
    target.parent.mkdir(parents=True)
    target.write_bytes(b"half of")
    assert pull(board, "toy")[0][2] == "mirror"
    assert target.read_bytes() == LABELS


def test_a_damaged_cached_copy_is_named_if_nothing_can_replace_it(tmp_path):
    board = toy(tmp_path, PUBLIC)
    target = tmp_path / "cache" / "toy" / "x.csv"
    target.parent.mkdir(parents=True)
    target.write_bytes(b"half of")
    with pytest.raises(DataError, match=f"damaged .hash {sha(b'half of')}, the card says {sha(LABELS)}"):
        pull(board, "toy")


def test_a_damaged_mirror_is_named_and_leaves_nothing_behind(tmp_path, monkeypatch):
    board = toy(tmp_path, PUBLIC)
    with_mirror(tmp_path, monkeypatch, b"other")
    with pytest.raises(DataError, match=f"x.csv has sha256 {sha(b'other')}, the card says {sha(LABELS)}; replace"):
        pull(board, "toy")
    assert list((tmp_path / "cache" / "toy").iterdir()) == []


def test_a_mirror_that_is_no_folder_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("MATDISC_MIRROR", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=r"MATDISC_MIRROR is .*nowhere.*no folder"):
        pull(toy(tmp_path, PUBLIC), "toy")


def test_without_network_the_message_says_what_to_do_at_once(tmp_path):
    board, start = toy(tmp_path, PUBLIC), time.monotonic()
    with pytest.raises(DataError) as caught:
        pull(board, "toy")
    for words in ("'toy'", "ground_states.csv", "https://127.0.0.1:9/x.csv", "MATDISC_MIRROR", "by hand to"):
        assert words in str(caught.value)
    assert time.monotonic() - start < 15
    assert list((tmp_path / "cache" / "toy").iterdir()) == []


def test_a_download_is_checked_and_cached(tmp_path, monkeypatch):
    import pooch

    def download(url, output_file, *_, **__):
        with open(output_file, "wb") as out:  # noqa: PTH123
            out.write(served)

    monkeypatch.setattr(pooch, "HTTPDownloader", lambda **_: download)
    board = toy(tmp_path, PUBLIC)
    served = b"an error page"
    with pytest.raises(DataError, match=r"127\.0\.0\.1.*does not match.*by hand"):
        pull(board, "toy")
    served = LABELS
    assert pull(board, "toy")[0][2] == "download"
    assert pull(board, "toy")[0][2] == "cache"


def test_a_cache_that_cannot_be_written_is_told(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("MATDISC_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"cannot be written.*set MATDISC_CACHE"):
        pull(toy(tmp_path, PUBLIC), "toy")


def test_a_public_file_without_mirror_path_is_cached_under_its_dataset(tmp_path):
    file = DataFile(name="x.csv", sha256="0" * 64, bytes=1, licence="MIT", url="https://127.0.0.1:9/x.csv")
    assert cached_path("toy", file) == tmp_path / "cache" / "toy" / "x.csv"


def test_describe_gives_what_verify_asks_for(tmp_path):
    board = toy(tmp_path)
    text = describe(board, "toy")
    assert f'sha256 = "{sha(LABELS)}"\nbytes = {len(LABELS)}' in text
    content = text.splitlines()[1].split('"')[1]
    with pytest.raises(DataError, match=content):
        load(board, "toy")
    assert [c.ok for c in verify(board, "toy")] == [True, True, False]
    board = toy(tmp_path, content=content)
    assert all(c.ok for c in verify(board, "toy"))
    assert load(board, "toy").sha256 == content


def test_an_unknown_dataset_is_answered_with_the_nearest(tmp_path):
    with pytest.raises(CardError, match="did you mean toy"):
        pull(toy(tmp_path), "toi")
