"""Model cards of Matbench Discovery become published rows: what is read, what is refused, what contradicts itself."""

import csv
import json
import os
from pathlib import Path

import pytest
from matbench_cards import DATASETS, HOSTILE, card, discovery, write_cards
from typer.testing import CliRunner

from matdisc.cli.app import app
from matdisc.errors import DataError
from matdisc.leaderboard.published.contradictions import contradictions
from matdisc.leaderboard.published.files import write_published
from matdisc.leaderboard.published.matbench_discovery import read_folder
from matdisc.leaderboard.published.parts import PARTS
from matdisc.leaderboard.published.yaml_text import MOST_BYTES
from matdisc.leaderboard.schema.published import Published
from matdisc.leaderboard.schema.read import read_file

MIRROR = Path(os.environ.get("MATDISC_MIRROR", "/nowhere")) / "matbench-discovery-models"


@pytest.fixture
def cards(tmp_path) -> Path:
    return write_cards(tmp_path / "cards")


def rows(folder: Path):
    return {row.key: row for row in read_folder(folder).published.rows}


def test_each_card_with_numbers_is_a_row_and_the_others_are_named(cards):
    found = read_folder(cards)
    assert [row.key for row in found.published.rows] == ["hostile", "mace-mp-0", "sevennet-0"]
    assert found.skipped == {"empty.yml": "no numbers (aborted)"}
    assert found.passed_over == ("notes",)
    assert [found.count(part.key) for part in PARTS] == [3, 3, 3, 2, 0, 1, 1, 0]


def test_numbers_stand_in_the_row_as_they_are_published(cards):
    row = rows(cards)["mace-mp-0"]
    full = row.metrics["discovery/full_test_set"]
    assert (full["f1"], full["precision"], full["daf"], full["tp"]) == (0.8, 0.8, 4.0, 16)
    assert row.metrics["discovery/unique_prototypes"]["daf"] == 4.444
    assert row.metrics["kappa-103"] == {
        "kappa_srme": 0.6823, "kappa_sre": 0.471, "kappa_srd": -0.2845, "kappa_failure_rate": 0.0291
    }  # fmt: skip
    assert row.metrics["geometry/1e-2"]["rmsd"] == 0.0915
    assert row.metrics["diatomics"] == {"pair_tortuosity": 1.279}


def test_words_of_a_card_are_text_whatever_yaml_makes_of_them(cards):
    row = rows(cards)["mace-mp-0"]
    assert (row.version, row.added, row.authors) == ("1.10", "2026-01-02", ("Ada Example", "Bo Example"))
    assert rows(cards)["hostile"].name == HOSTILE


def test_codes_of_openness_and_targets_become_words(cards):
    found = rows(cards)
    assert (found["mace-mp-0"].openness, found["mace-mp-0"].open_data) == ("code and weights", True)
    assert found["sevennet-0"].openness == "code"
    assert found["sevennet-0"].targets == ("energy", "forces", "stress", "magnetic moments")
    assert [row.approach for row in found.values()] == ["fingerprint forest", *["universal potential"] * 2]
    assert found["sevennet-0"].direct
    assert not found["mace-mp-0"].direct
    assert (found["hostile"].openness, found["hostile"].open_data) == ("weights", False)
    assert (found["hostile"].targets, found["hostile"].n_params) == (("energy",), None)


def test_training_sets_bring_the_sets_that_they_consist_of(cards):
    sets = {one.key: one for one in read_folder(cards).published.training_sets}
    assert list(sets) == ["MPtrj", "Big", "Small"]
    assert (sets["MPtrj"].n_structures, sets["MPtrj"].theory, sets["Big"].open) == (1580395, "PBE+U", False)


def test_cards_are_found_in_folders_of_their_own_with_data_sets_beside(cards):
    home = cards / "models" / "mace"
    home.mkdir(parents=True)
    (cards / "mace-mp-0.yml").rename(home / "mace-mp-0.yml")
    (cards / "data").mkdir()
    (cards / "_datasets.yml").rename(cards / "data" / "datasets.yml")
    found = read_folder(cards / "models").published
    assert [row.key for row in found.rows] == ["mace-mp-0"]
    assert found.population.n == 100


REFUSED = {
    "a word in place of a number": ("F1: 0.8", "F1: high", "field 'metrics.discovery.full_test_set.F1' is 'high'"),
    "no number": ("F1: 0.8", "F1: .nan", "is '.nan'; a finite number is needed"),
    "infinity": ("F1: 0.8", "F1: 1e999", "is '1e999'; a finite number is needed"),
    "a number beyond all": ("TP: 16", "TP: " + "9" * 400, "; a finite number is needed"),
    "parameters without end": ("model_params: ", "model_params: " + "9" * 20, "field 'model_params' is '9999"),
    "a list in place of a number": ("F1: 0.8", "F1: [1]", "is \"['1']\"; a finite number is needed"),
    "an unknown state": ("lifecycle: active", "lifecycle: asleep", "field 'lifecycle' is 'asleep'; allowed: 'active'"),
    "an address without lock": ("repo: https:", "repo: javascript:", "field 'repo' is 'javascript:"),
    "a missing field": ("lifecycle: active", "", "field 'lifecycle' is missing"),
    "a key that is a path": ("model_key: mace-mp-0", "model_key: ../x", "field 'model_key' is '../x'"),
    "a control character": ("'MACE-MP-0'", '"a\\eb"', "field 'model_name' is 'a\\x1bb'"),
    "an alias": ("training_sets: [MPtrj]", "training_sets: &a [*a]", "an alias"),
    "a repeated key": ("lifecycle: active", "lifecycle: active\nlifecycle: active", "'lifecycle' twice"),
    "endless depth": ("notes: {", "notes: " + "[" * 30 + "]" * 30 + "\nx: {", "more than 20 levels"),
    "broken YAML": ("lifecycle: active", "lifecycle: [active", "not the YAML of a card"),
    "a key of two parts": ("lifecycle: active", "[a, b]: active", "a key that is no text"),
    "a foreign object": ("lifecycle: active", "lifecycle: !!python/name:os.system x", "'lifecycle' is"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_card_is_refused_with_file_field_value_and_remedy(cards, what):
    old, new, said = REFUSED[what]
    path = cards / "mace-mp-0.yml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_folder(cards)
    assert f"{path}: " in str(caught.value)
    assert said in str(caught.value)
    assert str(caught.value).endswith("nothing was written")


def test_every_wrong_card_is_named_at_once(cards):
    (cards / "mace-mp-0.yml").write_bytes(b"\xff")
    (cards / "sevennet-0.yml").write_text("x" * (MOST_BYTES + 1))
    (cards / "empty.yml").write_text("- a list")
    with pytest.raises(DataError) as caught:
        read_folder(cards)
    assert [line.rpartition("/")[2].split(":")[0] for line in str(caught.value).splitlines()[:3]] == [
        "empty.yml", "mace-mp-0.yml", "sevennet-0.yml"
    ]  # fmt: skip


def test_every_wrong_field_of_a_card_is_named_at_once(cards):
    path = cards / "mace-mp-0.yml"
    text = path.read_text(encoding="utf-8").replace("lifecycle: active", "lifecycle: asleep")
    path.write_text(text.replace("F1: 0.8", "F1: good").replace("TP: 16", "TP: many"), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_folder(cards)
    unique, full = (f"metrics.discovery.{subset}." for subset in ("unique_prototypes", "full_test_set"))
    assert [line.split("'")[1] for line in str(caught.value).splitlines()[:-1]] == [
        unique + "F1", unique + "TP", full + "F1", full + "TP", "lifecycle"
    ]  # fmt: skip


def test_two_cards_of_one_key_are_refused(cards):
    (cards / "copy.yml").write_text((cards / "mace-mp-0.yml").read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(DataError, match="rows are there twice: mace-mp-0"):
        read_folder(cards)


@pytest.mark.parametrize("options", [{"url": "http://example.org"}, {"date": "yesterday"}, {"licence": "a\nb"}])
def test_a_source_has_an_address_a_day_and_a_licence(cards, options):
    with pytest.raises(DataError, match=next(iter(options.values())).splitlines()[0]):
        read_folder(cards, **options)


def test_a_folder_without_cards_is_refused(tmp_path):
    with pytest.raises(DataError, match="holds no model card"):
        read_folder(tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        read_folder(tmp_path / "nowhere")


def test_a_damaged_card_of_data_sets_is_refused(cards):
    (cards / "_datasets.yml").write_text(DATASETS.replace("n_structures: 10\n", "n_structures: ten\n"))
    with pytest.raises(DataError, match="field 'n_structures' is 'ten'"):
        read_folder(cards)


def test_rows_that_agree_with_their_counts_have_no_contradiction(cards):
    found = read_folder(cards).published
    assert [contradictions(row, found.population) for row in found.rows] == [(), (), ()]


WRONG = {
    "F1": ("full_test_set", {"F1": 0.802}, "F1 is 0.802, and the counts give 0.8000"),
    "DAF": ("full_test_set", {"DAF": 4.444}, "DAF is 4.444, and the counts give 4.0000"),
    "counts": ("full_test_set", {"TN": 77, "DAF": 4.04}, "TP, FP, TN and FN sum to 101, and the set has 100"),
    "errors": ("full_test_set", {"RMSE": 0.02}, "RMSE 0.02 is below MAE 0.03"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_contradicts_itself_is_named(tmp_path, what):
    subset, changed, said = WRONG[what]
    folder = write_cards(tmp_path / "cards")
    (folder / "mace-mp-0.yml").write_text(card("mace-mp-0", "M", discovery(16, 4, 4, **changed)), encoding="utf-8")
    found = read_folder(folder).published
    row = next(row for row in found.rows if row.key == "mace-mp-0")
    assert contradictions(row, found.population) == (f"discovery/{subset}: {said}",)


@pytest.mark.parametrize(
    ("part", "numbers", "said"),
    [
        ("kappa-103", {"kappa_srme": 2.1}, "SRME is 2.1, outside 0 to 2"),
        ("kappa-103", {"kappa_srme": 0.3, "kappa_sre": 0.4}, "SRE 0.4 is above SRME 0.3"),
        ("kappa-103", {"kappa_sre": 0.4, "kappa_srd": -0.5}, "SRD -0.5 is larger than SRE 0.4"),
        ("kappa-103", {"kappa_failure_rate": 1.5}, "kappa_failure_rate is 1.5, no share"),
        ("geometry/1e-2", {"symmetry_match": 0.7, "symmetry_increase": 0.4}, "shares of symmetry sum to 1.1000"),
        ("md", {"md_rdf": -1}, "md_rdf is -1, and cannot be negative"),
    ],
)
def test_numbers_beyond_discovery_are_held_to_their_bounds(cards, part, numbers, said):
    row = rows(cards)["mace-mp-0"].model_copy(update={"metrics": {part: numbers}})
    assert contradictions(row) == (f"{part}: {said}",)


def run(*arguments: object):
    return CliRunner().invoke(app, ["import", "matbench-discovery", *map(str, arguments)])


def test_the_command_says_what_it_read_and_makes_the_same_file_again(cards, tmp_path):
    done = run(cards, "--board", tmp_path / "board", "--date", "2026-07-16", "--commit", "2c7f9fc")
    assert done.exit_code == 0
    assert "read: 3 models, 2 active and 1 not" in done.output
    assert "skipped empty.yml: no numbers (aborted)" in done.output
    assert "rows that contradict themselves: 0 of 3" in done.output
    path = tmp_path / "board" / "leaderboard" / "published" / "matbench-discovery.json"
    before = path.read_bytes()
    assert run(cards, "--board", tmp_path / "board", "--date", "2026-07-16", "--commit", "2c7f9fc").exit_code == 0
    assert path.read_bytes() == before
    content, _ = read_file(path, Published)
    assert (content.source.date, content.source.licence, len(content.rows)) == ("2026-07-16", "MIT", 3)


def test_a_dry_run_writes_nothing(cards, tmp_path):
    assert "nothing written" in run(cards, "--board", tmp_path / "board", "--dry-run").output
    assert not (tmp_path / "board").exists()


def test_a_wrong_card_leaves_the_board_as_it_was(cards, tmp_path):
    run(cards, "--board", tmp_path / "board")
    path = tmp_path / "board" / "leaderboard" / "published" / "matbench-discovery.json"
    before = path.read_bytes()
    (cards / "mace-mp-0.yml").write_text("broken: [")
    failed = run(cards, "--board", tmp_path / "board")
    assert isinstance(failed.exception, DataError)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert path.read_bytes() == before


def test_a_folder_with_other_things_does_not_become_a_board(cards, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("x")
    with pytest.raises(DataError, match="no board"):
        write_published(tmp_path / "home", read_folder(cards).published)
    with pytest.raises(DataError, match="is a file"):
        write_published(tmp_path / "home" / "letter.txt", read_folder(cards).published)


@pytest.mark.skipif(not MIRROR.is_dir(), reason="the published cards are not in this mirror")
def test_all_published_cards_are_read_and_agree_with_themselves_and_with_our_own_table():
    found = read_folder(MIRROR)
    assert len(found.published.rows) == 62
    assert [found.count(part.key) for part in PARTS] == [62, 62, 62, 53, 53, 52, 35, 35]
    assert not [row.key for row in found.published.rows if contradictions(row, found.published.population)]
    assert {name for row in found.published.rows for name in row.training_sets} <= {
        one.key for one in found.published.training_sets
    }
    known = {row.key: row.metrics["discovery/full_test_set"] for row in found.published.rows}
    known |= {"mace-mp-0-medium": known["mace-mp-0"], "mace-mpa-0-medium": known["mace-mpa-0"]}
    table = Path(__file__).parents[2] / "datasets" / "wbm-sample" / "published.csv"
    for line in csv.DictReader(table.open()):
        name = line.pop("model")
        assert {key: float(text) for key, text in line.items()} == {key: known[name][key] for key in line}


def test_the_file_is_json_that_says_what_it_is(cards, tmp_path):
    path = write_published(tmp_path / "board", read_folder(cards).published)
    content = json.loads(path.read_text(encoding="utf-8"))
    assert (content["schema"], content["key"]) == ("matdisc.published/1", "matbench-discovery")
    assert (tmp_path / "board" / "models").is_dir()
