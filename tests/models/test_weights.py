"""Checkpoints: whose word is taken, in which order places are looked at, and what the reader is told."""

import hashlib

import pytest

from matdisc.cards import ModelCard
from matdisc.datasets import fetch
from matdisc.errors import CardError, DataError, RunError
from matdisc.models import load_potential
from matdisc.models.weights import checkpoint

RIGHT, WRONG = b"trained parameters", b"something else"
URL = "https://example.org/models/net.pt?download=1"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MATDISC_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MATDISC_MIRROR", raising=False)
    monkeypatch.setattr(fetch, "ATTEMPTS", 1)


@pytest.fixture
def web(monkeypatch):
    """A stand-in for the network: `web[url] = bytes`; unknown addresses cannot be reached; `web.asked` counts."""

    class Web(dict):
        asked = 0

    web = Web()

    def download(url, target, known_hash):
        web.asked += 1
        if url not in web:
            raise ConnectionError(url)
        if known_hash not in (None, f"sha256:{sha256(web[url])}"):
            raise ValueError(f"SHA256 hash of downloaded file does not match the known hash {known_hash}")
        target.write_bytes(web[url])

    monkeypatch.setattr(fetch, "download", download)
    return web


@pytest.fixture
def card(board):
    def card(weights=None, **options) -> ModelCard:
        content = board.model("emt").model_dump(exclude={"weights", "options"})
        return ModelCard.model_validate({**content, "key": "net", "weights": weights, "options": options})

    return card


PINNED = {"url": URL, "sha256": sha256(RIGHT)}


def test_a_model_without_weights_needs_no_file(card):
    assert checkpoint(card()) is None
    assert checkpoint(card({"ships_in_package": True})) is None


def test_a_checkpoint_is_downloaded_once_into_the_cache(card, web, tmp_path):
    web[URL] = RIGHT
    for _ in range(2):
        path = checkpoint(card(PINNED))
        assert path == tmp_path / "cache" / "weights" / "net" / "net.pt"
        assert path.read_bytes() == RIGHT
    assert web.asked == 1


def test_a_download_with_another_hash_is_not_kept(card, web, tmp_path):
    web[URL] = WRONG
    with pytest.raises(DataError, match="does not match the known hash"):
        checkpoint(card(PINNED))
    assert not (tmp_path / "cache" / "weights" / "net" / "net.pt").exists()


def test_a_damaged_cached_file_is_fetched_again(card, web):
    web[URL] = RIGHT
    checkpoint(card(PINNED)).write_bytes(WRONG)
    assert checkpoint(card(PINNED)).read_bytes() == RIGHT
    assert web.asked == 2


def test_offline_the_error_names_the_address_the_place_and_the_option(card, web, tmp_path):
    with pytest.raises(DataError) as caught:
        checkpoint(card(PINNED))
    for part in (
        "'net'",
        URL,
        str(tmp_path / "cache" / "weights" / "net" / "net.pt"),
        "weights/net/net.pt",
        'options = { file = "/path/to/net.pt" }',
    ):
        assert part in str(caught.value)


def test_a_mirror_serves_before_the_web(card, web, tmp_path, monkeypatch):
    copy = tmp_path / "mirror" / "weights" / "net" / "net.pt"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(RIGHT)
    monkeypatch.setenv("MATDISC_MIRROR", str(tmp_path / "mirror"))
    assert checkpoint(card(PINNED)).read_bytes() == RIGHT
    assert web.asked == 0


def test_a_mirror_with_a_wrong_copy_is_named(card, web, tmp_path, monkeypatch):
    copy = tmp_path / "mirror" / "weights" / "net" / "net.pt"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(WRONG)
    monkeypatch.setenv("MATDISC_MIRROR", str(tmp_path / "mirror"))
    with pytest.raises(DataError, match=f"{sha256(WRONG)}.*replace the copy in the mirror"):
        checkpoint(card(PINNED))


def test_a_file_that_nobody_vouches_for_is_not_opened_but_its_hash_is_told(card, web):
    web[URL] = RIGHT
    for _ in range(2):
        with pytest.raises(DataError) as caught:
            checkpoint(card({"url": URL}))
        assert f'sha256 = "{sha256(RIGHT)}"  # net.pt' in str(caught.value)
        assert "[weights]" in str(caught.value)
    assert web.asked == 1
    assert checkpoint(card(PINNED)).read_bytes() == RIGHT


PARTS = {"model.json": b"{}", "state.pt": b"numbers"}


def in_parts(*, pinned):
    parts = [{"name": name, **({"sha256": sha256(data)} if pinned else {})} for name, data in PARTS.items()]
    return {"url": "https://example.org/net/", "parts": parts}


def test_a_checkpoint_of_several_files_is_a_folder(card, web):
    web.update({f"https://example.org/net/{name}": data for name, data in PARTS.items()})
    folder = checkpoint(card(in_parts(pinned=True)))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == PARTS


def test_the_hashes_of_all_parts_are_told_at_once(card, web):
    web.update({f"https://example.org/net/{name}": data for name, data in PARTS.items()})
    with pytest.raises(DataError) as caught:
        checkpoint(card(in_parts(pinned=False)))
    for name, data in PARTS.items():
        assert f'sha256 = "{sha256(data)}"  # {name}' in str(caught.value)


def test_a_file_that_the_user_names_comes_first_and_is_trusted(card, web, tmp_path):
    own = tmp_path / "own.pt"
    own.write_bytes(WRONG)
    assert checkpoint(card({"url": URL}, file=str(own))) == own
    assert checkpoint(card(None, file=str(own))) == own
    assert web.asked == 0


def test_a_named_file_is_held_to_the_hash_on_the_card(card, tmp_path):
    own = tmp_path / "own.pt"
    own.write_bytes(WRONG)
    with pytest.raises(DataError, match="a card and key of their own"):
        checkpoint(card(PINNED, file=str(own)))


def test_a_named_folder_has_to_hold_every_part(card, tmp_path):
    (tmp_path / "model.json").write_bytes(PARTS["model.json"])
    with pytest.raises(CardError, match=r"lacks state\.pt"):
        checkpoint(card(in_parts(pinned=True), file=str(tmp_path)))


def test_a_named_file_that_does_not_exist_is_an_error(card):
    with pytest.raises(CardError, match=r"'file' is '/nowhere/net\.pt', which does not exist"):
        checkpoint(card(None, file="/nowhere/net.pt"))


def opened(file):
    """A loader for the next test: it shows that it was called, and with what."""
    raise LookupError(file)


def test_the_loader_is_called_with_the_verified_file(card, web, tmp_path):
    web[URL] = RIGHT
    model = card(PINNED).model_copy(update={"loader": f"{__name__}:opened"})
    with pytest.raises(RunError, match=str(tmp_path / "cache" / "weights" / "net" / "net.pt")):
        load_potential(model)


def test_the_loader_is_not_called_with_a_file_of_unknown_hash(card, web):
    web[URL] = RIGHT
    with pytest.raises(DataError, match="opening them may run code"):
        load_potential(card({"url": URL}).model_copy(update={"loader": f"{__name__}:opened"}))


def test_the_cache_is_the_one_of_the_datasets(card, web):
    web[URL] = RIGHT
    assert fetch.cache_dir() in checkpoint(card(PINNED)).parents
