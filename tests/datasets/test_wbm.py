"""Matbench Discovery's test set: the summary's schema on small files, its real prediction files at full size."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from matdisc.datasets import load, load_truth
from matdisc.datasets.wbm import chemical_system, substitution_step
from matdisc.errors import DataError
from matdisc.leaderboard.results import score_file
from matdisc.leaderboard.submission import load_submission
from matdisc.scoring.base import Bootstrap

HEADER = (
    "material_id,formula,n_sites,volume,uncorrected_energy,e_form_per_atom_wbm,e_above_hull_wbm,bandgap_pbe,"
    "protostructure_spglib_initial_structure,uncorrected_energy_from_cse,e_correction_per_atom_mp2020,"
    "e_correction_per_atom_mp_legacy,e_form_per_atom_uncorrected,e_form_per_atom_mp2020_corrected,"
    "e_above_hull_mp2020_corrected_ppd_mp,site_stats_fingerprint_init_final_norm_diff,protostructure_spglib,"
    "unique_prototype"
)
ROWS = [
    "wbm-1-1,Ac6 U2,8,1,1,1,1,0,p,1,0,0,1,0.5,0.2,0.1,A3B_hP8_194_h_c:Ac-U,True",
    "wbm-1-2,U2 Ac6,8,1,1,1,1,0,p,1,0,0,1,-0.4,-0.01,0.1,A3B_cF16_225_ac_b:Ac-U,True",
    "wbm-2-7,Na1 Cl1,2,1,1,1,1,0,p,1,0,0,1,-1.9,0.0004,0.1,AB_cF8_225_a_b:Cl-Na,False",
]


@pytest.fixture
def wbm(board):
    """Make the board's `wbm` read a small file with the true schema: `wbm(rows, header)`."""

    def make(rows, header=HEADER, name="summary.csv.gz", by="chemical system"):
        folder = board.datasets_dir / "wbm"
        data = gzip.compress("\n".join([header, *rows, ""]).encode(), mtime=0)
        (folder / name).write_bytes(data)
        import hashlib

        card = folder / "dataset.toml"
        text = card.read_text()
        text = text[: text.index("[[files]]")].replace("n_samples = 256963", f"n_samples = {len(rows)}")
        text = text.replace('by = "chemical system"', f'by = "{by}"')
        digest = hashlib.sha256(data).hexdigest()
        card.write_text(f'{text}[[files]]\nname = "{name}"\nsha256 = "{digest}"\nlicence = "CC-BY-4.0"\n')
        return board

    return make


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MATDISC_CACHE", str(tmp_path / "cache"))


def test_the_summary_is_read_by_name_and_unrounded(wbm):
    truth = load_truth(wbm(ROWS), "wbm")
    assert truth.material_ids.to_pylist() == ["wbm-1-1", "wbm-1-2", "wbm-2-7"]
    assert truth.target("e_above_hull").tolist() == [0.2, -0.01, 0.0004]
    assert truth.target("e_form_per_atom").tolist() == [0.5, -0.4, -1.9]
    assert truth.flags["unique_prototype"].tolist() == [True, True, False]
    assert truth.n_groups == 2
    assert truth.groups[0] == truth.groups[1]


def test_groups_can_be_prototypes(wbm):
    assert load_truth(wbm(ROWS, by="prototype"), "wbm").n_groups == 3


def test_copies_from_before_the_columns_were_renamed_are_read_too(wbm):
    old = HEADER.replace("protostructure_spglib,", "wyckoff_spglib,")
    assert load_truth(wbm(ROWS, old, by="prototype"), "wbm").n_groups == 3


def test_the_prepared_copy_says_the_same_as_the_table(wbm):
    board = wbm(ROWS)
    first, again = load_truth(board, "wbm"), load_truth(board, "wbm")
    assert first.sha256 == again.sha256
    assert again.material_ids.equals(first.material_ids)
    np.testing.assert_array_equal(again.groups, first.groups)
    for name in first.targets:
        np.testing.assert_array_equal(again.targets[name], first.targets[name])
    np.testing.assert_array_equal(again.flags["unique_prototype"], first.flags["unique_prototype"])


def test_a_damaged_prepared_copy_is_made_anew(wbm, tmp_path):
    board = wbm(ROWS)
    load_truth(board, "wbm")
    (prepared,) = (tmp_path / "cache" / "prepared").iterdir()
    prepared.write_bytes(prepared.read_bytes()[:100])
    assert len(load_truth(board, "wbm")) == 3


@pytest.mark.parametrize(
    ("rows", "header", "said"),
    [
        (ROWS, HEADER.replace("e_form_per_atom_mp2020_corrected", "e_form"), "no column 'e_form_per_atom_mp2020"),
        ([*ROWS, ROWS[0]], HEADER, "occurs twice"),
        ([ROWS[0].replace(",0.2,", ",,")], HEADER, "line 2: 'e_above_hull_mp2020_corrected_ppd_mp' is nan"),
        ([ROWS[0].replace("True", "maybe")], HEADER, "'unique_prototype' is not True or False"),
    ],
)
def test_a_table_that_is_not_the_summary_is_refused(wbm, rows, header, said):
    with pytest.raises(DataError, match=said):
        load_truth(wbm(rows, header), "wbm")


def test_labels_without_structures_cannot_be_run(wbm):
    with pytest.raises(DataError, match="labels without structures"):
        load(wbm(ROWS), "wbm")


def test_the_headline_is_taken_over_unique_prototypes_and_all_are_shown_beside(wbm, tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("material_id,e_form_per_atom_mymodel\nwbm-2-7,-1.9\nwbm-1-2,-0.4\nwbm-1-1,0.5\nwbm-9-9,1\n")
    result = score_file(wbm(ROWS), path, "discovery", "wbm", bootstrap=Bootstrap(0))
    assert (result["n"], result["subset"]) == (2, "unique prototypes")
    assert result["secondary"][0]["name"] == "all materials"
    assert result["secondary"][0]["n"] == 3
    assert (result["secondary"][0]["prevalence"], result["secondary"][0]["prevalence_rounded"]) == (1 / 3, 2 / 3)
    assert result["coverage"]["surplus"] == 1
    assert result["surplus_ids"] == ["wbm-9-9"]


def test_the_substitution_step_is_the_first_number_of_an_id():
    import pyarrow as pa

    assert substitution_step(pa.array(["wbm-1-12", "wbm-5-3"])).tolist() == [1, 5]


def test_a_chemical_system_has_sorted_elements():
    assert chemical_system("U2 Ac6") == "Ac-U"
    assert chemical_system("BaTiO3") == "Ba-O-Ti"


MIRROR = os.environ.get("MATDISC_MIRROR")
REAL = {  # answered, absent, non_finite, absurd, surplus: counted in the files themselves, against invented labels
    "chgnet-0.3.0": (256963, 0, 0, 0, 0),
    "mace-mp-0": (256925, 38, 0, 0, 0),
    "sevennet-0": (256962, 0, 0, 1, 0),
    "megnet": (256963, 0, 0, 0, 524),
    "bowsr": (250779, 6184, 0, 0, 522),
}


@pytest.fixture(scope="session")
def synthetic(tmp_path_factory):
    """A board whose `wbm` holds the mirror's SYNTHETIC labels: for parsing and speed, never for a score."""
    from matdisc.board import init_board

    if not MIRROR:
        pytest.skip("MATDISC_MIRROR is not set")
    board = init_board(tmp_path_factory.mktemp("synthetic") / "board")
    card = board.datasets_dir / "wbm" / "dataset.toml"
    text = card.read_text()
    card.write_text(
        text[: text.index("[[files]]")]
        + '[[files]]\nname = "synthetic-truth.csv.gz"\nmirror = "wbm/synthetic-truth.csv.gz"\n'
        + 'sha256 = "a4d9db9f7c5f49ee38910d228814c010d9cc7a5c3284da4de518c63c2902edfe"\nlicence = "invented numbers"\n'
    )
    return board


@pytest.mark.slow
@pytest.mark.mirror
@pytest.mark.parametrize("model", REAL)
def test_real_files_are_read_as_they_are_with_all_their_oddities(synthetic, model):
    path = Path(MIRROR) / "wbm" / f"{model}.csv.gz"
    checked = load_submission(synthetic, path, "discovery", "wbm")
    coverage = checked.answers.coverage
    found = tuple(coverage[key] for key in ("answered", "absent", "non_finite", "absurd", "surplus"))
    assert found == REAL[model]
    kinds = [n for key, n in coverage.items() if key not in ("expected", "answered", "surplus")]
    assert sum(kinds) == coverage["expected"] == 256963


@pytest.mark.slow
@pytest.mark.mirror
def test_alignment_is_by_id_and_never_by_position(synthetic):
    import pandas as pd

    path = Path(MIRROR) / "wbm" / "sevennet-0.csv.gz"
    checked = load_submission(synthetic, path, "discovery", "wbm")
    expected = pd.read_csv(path).set_index("material_id")["e_form_per_atom"]
    expected = expected.reindex(checked.truth.material_ids.to_pylist()).to_numpy()
    expected = np.where(np.abs(expected) > 1e6, np.nan, expected)
    np.testing.assert_array_equal(checked.answers.values, expected)


@pytest.mark.slow
@pytest.mark.mirror
@pytest.mark.parametrize("model", ["chgnet-0.3.0", "bowsr"])
def test_the_published_procedure_is_repeated_at_full_size(synthetic, model):
    import pandas as pd

    from matdisc.leaderboard.results import compat_file

    path = Path(MIRROR) / "wbm" / f"{model}.csv.gz"
    found = compat_file(synthetic, path, "discovery", "wbm")
    truth = pd.read_csv(Path(MIRROR) / "wbm" / "synthetic-truth.csv.gz").set_index("material_id")
    formation, hull = "e_form_per_atom_mp2020_corrected", "e_above_hull_mp2020_corrected_ppd_mp"
    truth["p"] = pd.read_csv(path).set_index("material_id")["e_form_per_atom"]
    truth.loc[(truth["p"] - truth[formation]).abs() > 5, "p"] = np.nan
    truth = truth.round(3)
    truth["q"] = truth[hull] + truth["p"] - truth[formation]
    parts = {"full_test_set": truth, "unique_prototypes": truth[truth["unique_prototype"]]}
    parts["most_stable_10k"] = parts["unique_prototypes"].sort_values("q", kind="stable").head(10_000)
    for name, part in parts.items():
        stable, called = part[hull] <= 0, part["q"] <= 0
        tp, fp, fn = ((stable & called).sum(), (~stable & called).sum(), (stable & ~called).sum())
        assert (found[name]["TP"], found[name]["FP"], found[name]["FN"]) == (tp, fp, fn)
        assert found[name]["F1"] == round(2 * tp / (2 * tp + fp + fn), 3)
        assert found[name]["MAE"] == round((part[hull] - part["q"]).abs().mean(), 3)
        assert found[name]["missing_preds"] == part["p"].isna().sum()
