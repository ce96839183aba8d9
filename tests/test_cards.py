"""Cards: what is refused, and in which words."""

import pytest

from matdisc.board import init_board, open_board
from matdisc.cards import DatasetCard, ModelCard, read_card
from matdisc.errors import CardError

GOOD = """
key = "m"
name = "M"
version = "1"
kind = "potential"
summary = "A model."
tasks = ["discovery"]
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
        ('version = "1"', 'version = "1"\nvresion = "2"', ["'vresion'", "not a field", "spelling"]),
        ('[licence]\ncode = "MIT"', "", ["'licence'", "missing"]),
        ('code = "MIT"', "", ["'licence.code'", "missing"]),
        ('kind = "potential"', 'kind = "oracle"', ["'kind'", "'oracle'", "'potential' or 'predictor'"]),
        ('energy_scale = "pbe_raw"', 'loader = "m:load"', ["a potential needs 'energy_scale'"]),
        ('level_of_theory = "PBE"', "", ["a potential needs 'level_of_theory'"]),
        ('version = "1"', 'version = "1"\napproach = "magic"', ["'approach'", "'universal potential'"]),
        ('name = "M"', 'name = "<img src=x onerror=alert(1)>"', ["'name'", "letters, digits"]),
        ('key = "m"', 'key = "../etc"', ["'key'", "lower-case letters"]),
        ('key = "m"', 'key = "other"', ["'key'", "'other'", "folder is 'm'"]),
        ('version = "1"', "version = 1", ["'version'", "1"]),
        ('protocol = "relax"', 'protocol = "relax"\nelements = ["Xx"]', ["Xx"]),
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
    alloys = {"alloys-demo", "alloys-experimental", "quaternary24-dft", "synthetic-miedema"}
    motion = {"dynamics-electrolytes", "dynamics-metals", "dynamics-perovskites", "electrolytes", "electrolytes-mini"}
    crystals = {"elements", "octet-binaries", "emt-alloys", "mp-abc3-cubic", "wbm", "wbm-sample", "wbm-crystals"}
    assert set(board.dataset_keys()) == crystals | alloys | motion
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
