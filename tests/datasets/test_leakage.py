"""What a declaration proves, what it leaves unknown, and the words in which a damaged one is refused."""

import gzip
import json
import os
import sys
from time import perf_counter

import numpy as np
import pytest

from matdisc.board import Board, shipped_board
from matdisc.cards import Overlap as KnownOverlap
from matdisc.datasets.leakage import declarations, overlap
from matdisc.datasets.leakage.declarations import Declaration, read_declaration
from matdisc.datasets.leakage.fingerprints import structure_hash
from matdisc.datasets.leakage.overlap import LEVELS, find_overlap, overlap_from_cards, overlap_mask, unknown_mask
from matdisc.datasets.load import load
from matdisc.datasets.prototypes import crystal, perovskite
from matdisc.errors import DataError
from matdisc.formats.atoms import to_atoms
from matdisc.formats.entries import Entry
from matdisc.formats.write import write_entries
from matdisc.schema import Crystal, Dataset, Sample

BOARD = Board(shipped_board())
CRYSTALS = {
    "cu": crystal("fcc", ("Cu",), 3.6),
    "bto": perovskite("Ba", "Ti", "O", 4.0),
    "nacl": crystal("rocksalt", ("Na", "Cl"), 5.6),
    "si": crystal("diamond", ("Si",), 5.4),
}


def dataset(crystals):
    samples = (Sample(key, {"crystal": c}, {"e_above_hull": 0.0}, c.chemical_system) for key, c in crystals.items())
    return Dataset("toy", tuple(samples))


TOY = dataset(CRYSTALS)


def strained(given, rng, n=1):
    """A rattled (0.02 Å), strained (1 %), shifted, shuffled cell of n × 1 × 1 copies."""
    cell = np.diag([n, 1, 1]) @ np.array(given.cell) @ (np.eye(3) + rng.uniform(-0.01, 0.01, (3, 3)))
    at = np.concatenate([(np.array(given.positions) + np.array([i, 0, 0])) / [n, 1, 1] for i in range(n)])
    moves = rng.normal(size=at.shape)
    moves *= 0.02 / np.linalg.norm(moves, axis=1, keepdims=True)
    at, symbols = at + rng.random(3) + moves @ np.linalg.inv(cell), np.array(given.symbols * n)
    order = rng.permutation(len(at))
    return Crystal(tuple(symbols[order].tolist()), tuple(map(tuple, at[order])), tuple(map(tuple, cell)))


def declared(tmp_path, text, name="train.csv"):
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return read_declaration(path)


def record(material_id, given, **changes):
    content = {"material_id": material_id, "cell": given.cell, "symbols": given.symbols, "positions": given.positions}
    return json.dumps(content | changes) + "\n"


def levels(declaration, given=TOY):
    found = find_overlap(given, declaration)
    return dict(zip(found.material_ids, found.levels, strict=True))


def test_ids_alone_leave_the_rest_unknown(tmp_path):
    found = find_overlap(TOY, declared(tmp_path, "material_id\nbto\nmp-1\n"))
    assert found.levels == ("unknown", "same id", "unknown", "unknown")
    assert found.counts["none found"] == 0
    assert "not its absence" in found.certainty
    assert "3 materials are unknown" in found.certainty
    assert unknown_mask(found).tolist() == [True, False, True, True]


def test_formulas_tell_of_absence(tmp_path):
    found = levels(declared(tmp_path, "formula\nTiO3Ba\nBa2TiO4\nNa\nNa2Cl\n"))
    assert found == {"cu": "none found", "bto": "same formula", "nacl": "same chemical system", "si": "none found"}


def test_equal_hashes_are_equal_prototypes_and_other_hashes_prove_nothing(tmp_path):
    text = f"structure_hash\n{structure_hash(CRYSTALS['bto'])}\n{structure_hash(crystal('hcp', ('Cu',), 2.5))}\n"
    assert levels(declared(tmp_path, text)) == dict.fromkeys(CRYSTALS, "unknown") | {"bto": "same prototype"}


def test_hashes_with_formulas_tell_both(tmp_path):
    text = f"structure_hash,formula\n{structure_hash(CRYSTALS['bto'])},BaTiO3\nformula:Cu,Cu\n"
    found = find_overlap(TOY, declared(tmp_path, text))
    assert found.levels == ("same formula", "same prototype", "none found", "none found")
    assert "no equal hash" in found.certainty


def test_a_formula_only_key_is_no_equal_prototype(tmp_path):
    on_top = Crystal(("Na", "Na"), ((0, 0, 0), (0, 0, 0)), ((4, 0, 0), (0, 4, 0), (0, 0, 4)))
    found = find_overlap(
        dataset({"bad": on_top, "cu": CRYSTALS["cu"]}), declared(tmp_path, "structure_hash\nformula:Na\n")
    )
    assert found.levels == ("same formula", "unknown")
    assert found.n_unresolved == 1


def test_near_duplicates_are_the_same_structure(tmp_path):
    rng = np.random.default_rng(0)
    text = "".join(record(f"t-{key}", strained(c, rng, n)) for n, (key, c) in enumerate(CRYSTALS.items(), start=1))
    found = find_overlap(TOY, declared(tmp_path, text, "train.jsonl"))
    assert set(found.levels) == {"same structure"}
    assert found.evidence == tuple(f"t-{key}" for key in CRYSTALS)


@pytest.mark.parametrize("name", ["t.extxyz", "t.json", "t.cif", "t.csv", "t.db"])
def test_training_structures_are_declared_in_the_formats_of_the_field(tmp_path, name):
    entries = [Entry(f"t-{key}", to_atoms(crystal)) for key, crystal in CRYSTALS.items()]
    write_entries(tmp_path / name, entries)
    found = find_overlap(TOY, read_declaration(tmp_path / name))
    assert set(found.levels) == {"same structure"}
    assert found.evidence == tuple(f"t-{key}" for key in CRYSTALS)


def test_training_structures_without_a_cell_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"t\.extxyz, frame 0: is no crystal, it has no cell; declare its formula"):
        declared(tmp_path, "1\n\nNa 0 0 0\n", "t.extxyz")


def test_other_structures_of_a_formula_share_the_formula_only(tmp_path):
    others = {"a": crystal("hcp", ("Cu",), 2.5), "b": perovskite("Ti", "Ba", "O", 4.0), "c": crystal("fcc", ("Ag",), 4)}
    found = find_overlap(TOY, declared(tmp_path, "".join(record(*item) for item in others.items()), "t.jsonl"))
    assert found.levels == ("same formula", "same formula", "none found", "none found")
    assert found.n_unchecked == 0


def test_exchanging_a_and_b_is_told_apart_though_the_hash_is_equal():
    swapped = perovskite("Ti", "Ba", "O", 4.0)
    declaration = Declaration("x", ("formula", "structure"), 1, {}, frozenset({"BaO3Ti"}), crystals={"t": swapped})
    assert levels(declaration)["bto"] == "same formula"


def test_comparisons_are_bounded_and_the_rest_is_counted():
    many = {f"t{i}": perovskite("Ti", "Ba", "O", 4.5 + 0.01 * i) for i in range(5)}
    declaration = Declaration("x", ("formula", "structure"), 5, {}, frozenset({"BaO3Ti"}), crystals=many)
    found = find_overlap(TOY, declaration, max_candidates=2)
    assert (found.n_compared, found.n_unchecked) == (2, 1)
    assert "1 materials were not compared with every structure" in found.certainty


def test_cells_too_large_to_compare_are_counted(monkeypatch):
    monkeypatch.setattr(overlap, "MAX_ATOMS", 4)
    declaration = Declaration(
        "x", ("formula", "structure"), 1, {}, frozenset({"BaO3Ti"}), crystals={"t": CRYSTALS["bto"]}
    )
    found = find_overlap(TOY, declaration)
    assert (found.levels[1], found.n_compared, found.n_unchecked) == ("same formula", 0, 1)


def test_atoms_on_top_of_each_other_do_not_stop_the_search():
    on_top = Crystal(("Cu", "Cu"), ((0, 0, 0), (0, 0, 0)), ((3, 0, 0), (0, 3, 0), (0, 0, 3)))
    declaration = Declaration("x", ("formula", "structure"), 1, {}, frozenset({"Cu"}), crystals={"t": on_top})
    assert levels(declaration)["cu"] in ("same formula", "same structure")


def test_an_id_with_another_formula_is_a_coincidence(tmp_path):
    found = find_overlap(TOY, declared(tmp_path, "material_id,formula\ncu,Fe\nbto,Ba2Ti2O6\n"))
    assert found.levels == ("none found", "same id", "none found", "none found")
    assert found.n_conflicts == 1


def test_a_material_without_formula_is_unknown():
    nameless = Dataset("toy", (Sample("x", {}, {}, "x"), Sample("y", {"formula": "Cu2"}, {}, "y")))
    declaration = Declaration("x", ("formula",), 1, {}, frozenset({"Cu"}))
    assert levels(declaration, nameless) == {"x": "unknown", "y": "same formula"}


def test_the_mask_holds_a_level_and_the_stronger_ones(tmp_path):
    text = f"material_id,structure_hash,formula\ncu,{structure_hash(CRYSTALS['cu'])},Cu\n"
    text += f"a,{structure_hash(CRYSTALS['bto'])},BaTiO3\nb,{structure_hash(CRYSTALS['si'])},NaCl\n"
    found = find_overlap(
        TOY, declared(tmp_path, text.replace("NaCl", "Si").replace("b,", "b,", 1) + "c,formula:ClNa,NaCl\n")
    )
    assert found.levels == ("same id", "same prototype", "same formula", "same prototype")
    assert overlap_mask(found).tolist() == [True, True, True, True]
    assert overlap_mask(found, "same prototype").tolist() == [True, True, False, True]
    assert overlap_mask(found, "same id").tolist() == [True, False, False, False]
    assert sum(found.counts.values()) == 4
    assert tuple(found.counts) == LEVELS


@pytest.mark.parametrize("level", ["none found", "unknown", "same"])
def test_a_mask_of_no_overlap_is_refused(tmp_path, level):
    with pytest.raises(ValueError, match="choose one of same id"):
        overlap_mask(find_overlap(TOY, declared(tmp_path, "formula\nCu\n")), level)


def test_the_order_of_a_declaration_does_not_matter(tmp_path):
    rows = ["cu,Cu", "x,BaTiO3", "y,NaCl"]
    first, second = (declared(tmp_path, "\n".join(["material_id,formula", *r])) for r in (rows, rows[::-1]))
    assert levels(first) == levels(second)


def test_progress_is_told_after_each_material(tmp_path):
    told = []
    find_overlap(TOY, declared(tmp_path, "formula\nCu\n"), progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize(
    ("name", "text", "columns"),
    [
        ("a.txt", "mp-1\r\nmp-2\r\n\r\n", ("material_id",)),
        ("a.txt", "BaTiO3\nCu\nCu\n", ("formula",)),
        ("a.txt", "material_id\nCu\nmp-2\n", ("material_id",)),
        ("a.txt.gz", "formula\nCu\nAg\n", ("formula",)),
        ("a.csv", "\ufeffextra,formula,material_id\n1,Cu,x\n\n2,Ag,y\n", ("material_id", "formula")),
        ("A.CSV.GZ", 'formula\n"Cu"\nAg\n', ("formula",)),
    ],
)
def test_a_file_is_read_as_what_it_holds(tmp_path, name, text, columns):
    found = declared(tmp_path, text, name.replace("GZ", "gz"))
    assert found.columns == columns
    assert found.n_entries >= 2


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "", "line 1: none of the columns material_id, formula, structure_hash; the header has nothing"),
        ("a.csv", "name,id\n1,2\n", "the header has name, id"),
        ("a.csv", "formula,formula\nCu,Cu\n", "line 1: a column name occurs twice"),
        ("a.csv", "formula\n", "declares nothing"),
        ("a.txt", "\n\n", "declares nothing"),
        ("a.jsonl", "\n", "declares nothing"),
        ("a.csv", "material_id\nx\nx\n", "line 3: field 'material_id' .value 'x'. stands in line 2 already"),
        ("a.txt", "x-1\nx-1\n", "line 2: field 'material_id' .value 'x-1'. stands in line 1 already"),
        ("a.csv", "material_id\n<script>alert(1)</script>\n", "line 2: field 'material_id' .value '<script>.*is no id"),
        ("a.csv", "material_id,formula\nx,\n", "line 2: field 'formula' .value ''. is empty"),
        ("a.csv", "formula\nXx2O3\n", "line 2: field 'formula' .value 'Xx2O3'. names 'Xx', which is no element"),
        ("a.csv", "structure_hash\nabc\n", "line 2: field 'structure_hash' .value 'abc'. is no hash of this version"),
        ("a.csv", "formula,material_id\nCu\n", "line 2: not 2 fields"),
        ("a.csv", 'formula\n"Cu\n', "not a CSV table"),
        ("a.txt", "Cu\nmp-1\n", "line 2: 'mp-1' is no formula, but 'Cu' is one"),
        ("a.jsonl", "[1]\n", "line 1: field 'material_id' is missing"),
        ("a.jsonl", "[" * 100_000 + "\n", "too deep"),
        ("a.jsonl", record("<b>", CRYSTALS["cu"]), "structure 1: field 'material_id' .value '<b>'. is no id"),
        ("a.jsonl", record("x", CRYSTALS["cu"]) * 2, "line 2: field 'material_id' .value 'x'. occurs twice"),
        ("a.jsonl", record("x", CRYSTALS["cu"], symbols=["Xx"]), "line 1: field 'symbols' .value 'Xx'. is no element"),
        ("a.jsonl", record("x", CRYSTALS["cu"], cell=[[float("nan")] * 3] * 3), "line 1: field 'cell'"),
        ("a.jsonl", record("x", CRYSTALS["cu"], positions=[[10**400, 0, 0]]), "too large"),
        ("a.parquet", "x", "cannot be told from its name"),
    ],
)
def test_a_damaged_declaration_is_refused_in_words(tmp_path, name, text, words):
    with pytest.raises(DataError, match=words) as caught:
        declared(tmp_path, text, name)
    assert name in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv.gz", gzip.compress(b"formula\n" + os.urandom(3000).hex().encode())[:-900], "damaged or cut off"),
        ("a.csv.gz", b"formula\nCu\n", "damaged or cut off"),
        ("a.csv", b"formula\n\xff\xfe\n", "not UTF-8"),
        ("a.csv.gz", gzip.compress(b"x" * 2_000_000), "line 1: too long"),
    ],
)
def test_damaged_bytes_are_refused_in_words(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=words):
        read_declaration(tmp_path / name)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.csv: cannot be read .No such file"):
        read_declaration(tmp_path / "none.csv")


def test_too_many_lines_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(declarations, "MAX_LINES", 3)
    monkeypatch.setattr(declarations, "MAX_STRUCTURES", 3)
    for name, line in (("a.csv", "formula\n"), ("a.txt", "x-1\n"), ("a.jsonl", "{}\n")):
        with pytest.raises(DataError, match="more than 3 lines"):
            declared(tmp_path, line + "Cu\n" * 3, name)


def cards(training_sets=(), degrees=(), key="mp-abc3-cubic"):
    model = BOARD.model("chgnet-0.3.0").model_copy(update={"training_sets": tuple(training_sets)})
    known = tuple(KnownOverlap(training_set=n, degree=d, note="Because.") for n, d in degrees)
    return model, BOARD.dataset(key).model_copy(update={"known_overlaps": known})


@pytest.mark.parametrize(
    ("training_sets", "degrees", "expected"),
    [
        ((), (("MPtrj", "certain"),), "unknown"),
        (("mptrj",), (("MPtrj", "likely"),), "likely"),
        (("A", "B"), (("A", "likely"), ("B", "certain")), "certain"),
        (("OMat24",), (("MPtrj", "likely"),), "none declared"),
        (("MP-abc3-cubic",), (), "certain"),
    ],
)
def test_cards_declare_the_strongest_overlap_and_silence_is_unknown(training_sets, degrees, expected):
    found = overlap_from_cards(*cards(training_sets, degrees))
    assert found.degree == expected
    assert found.notes


def test_importing_the_report_loads_no_heavy_library():
    import subprocess

    code = "import sys, matdisc.datasets.leakage.overlap, matdisc.datasets.leakage.features\n"
    code += "print([m for m in ('pymatgen', 'spglib', 'ase', 'pandas') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture(scope="module")
def perovskites(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("MATDISC_CACHE", str(tmp_path_factory.mktemp("cache")))
    yield load(BOARD, "mp-abc3-cubic")
    patch.undo()


@pytest.mark.slow
@pytest.mark.mirror
@pytest.mark.skipif("MATDISC_MIRROR" not in os.environ, reason="MATDISC_MIRROR is not set")
def test_every_perovskite_finds_its_disguised_copy_within_two_minutes(perovskites):
    rng = np.random.default_rng(0)
    copies = {f"t{i}": strained(s.crystal, rng, 1 + i % 3) for i, s in enumerate(perovskites.samples)}
    order = rng.permutation(list(copies)).tolist()
    formulas = {name: copies[name].formula for name in order}
    declaration = Declaration(
        "copies.jsonl",
        ("material_id", "formula", "structure"),
        len(order),
        formulas,
        frozenset(formulas.values()),
        crystals={name: copies[name] for name in order},
    )
    start = perf_counter()
    found = find_overlap(perovskites, declaration)
    assert perf_counter() - start < 120
    assert set(found.levels) == {"same structure"}
    assert found.evidence == tuple(copies)


@pytest.mark.slow
@pytest.mark.mirror
@pytest.mark.skipif("MATDISC_MIRROR" not in os.environ, reason="MATDISC_MIRROR is not set")
def test_both_orders_of_a_perovskite_share_the_formula_and_one_order_twice_the_structure(perovskites):
    by_formula = {}
    for s in perovskites.samples:
        by_formula.setdefault(s.crystal.formula, []).append(s)
    pairs = [pair for pair in by_formula.values() if len(pair) == 2]
    assert len(pairs) == 72
    crystals = {f"t{second.material_id}": second.crystal for _, second in pairs}
    formulas = frozenset(c.formula for c in crystals.values())
    declaration = Declaration("x", ("formula", "structure"), 72, {}, formulas, crystals=crystals)
    found = find_overlap(Dataset("first", tuple(first for first, _ in pairs)), declaration)
    one_order = ["same structure" if a.crystal.symbols == b.crystal.symbols else "same formula" for a, b in pairs]
    assert found.levels == tuple(one_order)
    assert one_order.count("same structure") == 3
