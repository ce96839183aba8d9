"""Cards: what is refused, and in which words."""

from pathlib import Path

import pytest

from matdisc.board import init_board, open_board
from matdisc.cards import DatasetCard, ModelCard, is_key, read_card
from matdisc.datasets.describe import describe
from matdisc.errors import CardError, DataError

GOOD = """
key = "m"
name = "M"
version = "1"
kind = "potential"
summary = "A model."
gives = ["energy", "forces", "stress"]
protocol = "relax"
level_of_theory = "PBE"
energy_scale = "pbe_raw"
[licence]
code = "MIT"
[[authors]]
name = "Somebody"
"""


@pytest.fixture
def write(tmp_path):
    def write(text, key="m"):
        path = tmp_path / key / "model.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_a_complete_card_is_read(write):
    card = read_card(write(GOOD), ModelCard)
    assert card.name == "M"
    assert card.licence.code == "MIT"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('version = "1"', 'version = "1"\nvresion = "2"', ["'vresion' is not known", "known here: ", ", version, "]),
        ('[licence]\ncode = "MIT"', "", ["'licence'", "missing"]),
        ('code = "MIT"', "", ["'licence.code'", "missing"]),
        ('kind = "potential"', 'kind = "oracle"', ["'kind'", "'oracle'", "'potential' or 'predictor'"]),
        ('energy_scale = "pbe_raw"', 'loader = "m:load"', ["a potential needs 'energy_scale'"]),
        ('level_of_theory = "PBE"', "", ["a potential needs 'level_of_theory'"]),
        ('version = "1"', 'version = "1"\napproach = "magic"', ["'approach'", "'universal potential'"]),
        ('name = "M"', 'name = "<img src=x onerror=alert(1)>"', ["'name'", "letters, digits"]),
        ('key = "m"', 'key = "../etc"', ["'key'", "begin with a letter or a digit; use lower-case letters"]),
        ('key = "m"', 'key = "_x"', ["field 'key' is '_x'", "begin with a letter or a digit"]),
        ('key = "m"', 'key = "other"', ["'key'", "'other'", "folder is 'm'"]),
        ('version = "1"', "version = 1", ["'version'", "1"]),
        ('protocol = "relax"', 'protocol = "relax"\nelements = ["Xx"]', ["Xx"]),
        (
            'version = "1"',
            'version = "1"\nrequirements = ["--index"]',
            ["'requirements.0': is '--index", "as for pip"],
        ),
        ('summary = "A model."', 'summary = "unfinished', ["not valid TOML", "line"]),
        ('code = "MIT"', 'code = "MIT"\n[links]\npaper = "javascript:alert(1)"', ["'links.paper'"]),
    ],
)
def test_a_wrong_card_is_refused_with_file_field_value_and_remedy(write, old, new, said):
    assert old in GOOD
    path = write(GOOD.replace(old, new, 1))
    with pytest.raises(CardError) as caught:
        read_card(path, ModelCard)
    for part in [str(path), *said]:
        assert part in str(caught.value)


def test_every_wrong_field_is_named_at_once(write):
    with pytest.raises(CardError) as caught:
        read_card(write(GOOD.replace('kind = "potential"', 'kind = "oracle"').replace('code = "MIT"', "")), ModelCard)
    assert len(str(caught.value).splitlines()) == 2


def test_a_card_says_where_weights_come_from_and_what_a_worker_needs(write):
    more = f"""
packages = ["net"]
gpus = 0.25
memory_gib = 4
cutoff = 5.0
[weights]
url = "https://example.org/net.pt"
sha256 = "{"0" * 64}"
bytes = 10
[licence]"""
    card = read_card(write(GOOD.replace("\n[licence]", more)), ModelCard)
    assert (card.packages, card.gpus, card.memory_gib, card.cutoff) == (("net",), 0.25, 4.0, 5.0)
    assert card.weights.sha256 == "0" * 64
    assert read_card(write(GOOD), ModelCard).gpus == 0


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("gpus = 9", "'gpus'"),
        ("gpus = -1", "'gpus'"),
        ("memory_gib = 0", "'memory_gib'"),
        ("cutoff = 0.0", "'cutoff'"),
        ('packages = ["mace-torch"]', "'packages.0'"),
        ("[weights]", "either 'url' or 'ships_in_package"),
        ('[weights]\nurl = "http://example.org/net.pt"', "'weights.url'"),
        ('[weights]\nurl = "https://example.org/net.pt"\nships_in_package = true', "either 'url' or 'ships_in_package"),
        ("[weights]\nships_in_package = true\nbytes = 5", "give the 'url'"),
        ('[weights]\nurl = "https://example.org/net.pt"\nsha256 = "abc"', "64 hexadecimal digits"),
        ('[weights]\nurl = "https://a.org/n"\nbytes = 5\n[[weights.parts]]\nname = "x.pt"', "its own 'sha256'"),
        ('[weights]\nurl = "https://a.org/n"\n[[weights.parts]]\nname = "../x.pt"', "'weights.parts.0.name'"),
    ],
)
def test_impossible_weights_and_needs_are_refused(write, written, said):
    path = write(GOOD.replace("\n[licence]", f"\n{written}\n[licence]"))
    with pytest.raises(CardError) as caught:
        read_card(path, ModelCard)
    assert said in str(caught.value)


def test_a_card_that_is_no_text_is_refused(write):
    with pytest.raises(CardError, match="UTF-8"):
        read_card(write(b"\xff\xfe\x00"), ModelCard)


def test_a_missing_card_is_named(tmp_path):
    with pytest.raises(CardError, match="no such card"):
        read_card(tmp_path / "model.toml", ModelCard)


@pytest.fixture
def board(tmp_path):
    return init_board(tmp_path / "board")


def test_every_shipped_card_is_valid(board):
    assert {"chgnet-0.3.0", "chgnet-0.2.0", "emt", "composition-rf"} <= set(board.model_keys())
    shipped = Path(__file__).parent.parent / "datasets"
    assert set(board.dataset_keys()) == {card.parent.name for card in shipped.glob("*/dataset.toml")}
    for key in board.model_keys():
        assert board.model(key).key == key
    for key in board.dataset_keys():
        assert board.dataset(key).key == key


def test_a_wrong_unit_is_refused(board):
    path = board.datasets_dir / "emt-alloys" / "dataset.toml"
    text = path.read_text(encoding="utf-8")
    start = text.index("e_form_per_atom")
    path.write_text(text[:start] + text[start:].replace('unit = "eV/atom"', 'unit = "eV"', 1), encoding="utf-8")
    with pytest.raises(CardError, match=r"'e_form_per_atom' is in 'eV'; it has to be in 'eV/atom'"):
        read_card(path, DatasetCard)


def test_an_unknown_key_is_answered_with_the_nearest(board):
    with pytest.raises(CardError, match=r"did you mean .*chgnet-0\.3\.0"):
        board.model("chgnet0.3.0")
    with pytest.raises(CardError, match="did you mean elements"):
        board.dataset("element")


def test_a_folder_without_cards_is_no_board(tmp_path):
    with pytest.raises(CardError, match="matdisc init"):
        open_board(tmp_path)


def test_a_board_is_never_made_over_another(board):
    with pytest.raises(CardError, match="already holds"):
        init_board(board.root)


@pytest.mark.parametrize("key", ["con", "nul", "aux", "prn", "com1", "lpt9", "con.v2", "a."])
def test_a_key_that_windows_cannot_hold_as_a_file_is_refused(write, key):
    with pytest.raises(CardError, match=rf"field 'key': is {key!r}.* Windows .*; choose another name"):
        read_card(write(GOOD.replace('key = "m"', f'key = "{key}"'), key), ModelCard)
    assert not is_key(key)


@pytest.mark.parametrize("key", ["console", "com", "com10", "a.con", "x-nul", "7net"])
def test_a_key_that_only_resembles_a_device_is_taken(write, key):
    assert read_card(write(GOOD.replace('key = "m"', f'key = "{key}"'), key), ModelCard).key == key
    assert is_key(key)


def test_a_byte_order_mark_before_a_card_does_not_count(write):
    assert read_card(write("\ufeff" + GOOD), ModelCard) == read_card(write(GOOD), ModelCard)


def hashless(board, key, *lines):
    """The card of a dataset without the lines that follow from its files, and its path."""
    path = board.datasets_dir / key / "dataset.toml"
    measured = ("sha256 = ", "bytes = ", "n_samples = ")
    kept = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith(measured)]
    path.write_text("\n".join(kept).replace("[[files]]", "\n".join(["[[files]]", *lines])), encoding="utf-8")
    return path


@pytest.mark.parametrize("lines", [(), ('sha256 = "TODO"', "bytes = 1"), (f'sha256 = "{"0" * 64}"',)])
def test_a_dataset_is_described_without_or_against_the_hashes_on_its_card(board, lines):
    expected = describe(board, "emt-alloys")
    card = board.dataset("emt-alloys")
    assert f'sha256 = "{card.sha256}"' in expected
    path = hashless(board, "emt-alloys", *lines)
    assert describe(board, "emt-alloys") == expected
    with pytest.raises(CardError, match="field 'n_samples' is missing"):
        read_card(path, DatasetCard)


def test_a_missing_hash_is_answered_with_the_command_that_prints_it(board):
    path = hashless(board, "emt-alloys")
    with pytest.raises(CardError) as caught:
        read_card(path, DatasetCard)
    assert "give the file's 'sha256', which `matdisc datasets describe KEY` prints" in str(caught.value)
    assert "at least 1 item" not in str(caught.value)


def test_a_public_file_without_hash_is_described_from_the_mirror_and_never_fetched(board, tmp_path, monkeypatch):
    monkeypatch.setenv("MATDISC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MATDISC_MIRROR", str(tmp_path / "mirror"))
    folder = board.datasets_dir / "emt-alloys"
    public = 'url = "https://example.org/crystals.csv"\nmirror = "emt/crystals.csv"\nname = "crystals.csv"'
    path = hashless(board, "emt-alloys")
    path.write_text(path.read_text(encoding="utf-8").replace('name = "crystals.csv"', public), encoding="utf-8")
    (tmp_path / "mirror" / "emt").mkdir(parents=True)
    (folder / "crystals.csv").rename(tmp_path / "mirror" / "emt" / "crystals.csv")
    assert "# crystals.csv" in describe(board, "emt-alloys")
    (tmp_path / "mirror" / "emt" / "crystals.csv").unlink()
    with pytest.raises(DataError, match=r"does not exist; download it by hand from https://example.org/crystals.csv"):
        describe(board, "emt-alloys")


def test_describe_still_refuses_what_is_wrong_in_something_else(board):
    path = hashless(board, "emt-alloys")
    path.write_text(path.read_text(encoding="utf-8").replace("licence", "license", 1), encoding="utf-8")
    with pytest.raises(CardError, match=r"'license' is not known .* known here: .*licence"):
        describe(board, "emt-alloys")
    with pytest.raises(CardError, match="did you mean"):
        describe(board, "emt-alloy")
