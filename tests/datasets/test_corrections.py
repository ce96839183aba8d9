"""MP2020 corrections: pymatgen's numbers, frozen tables, and energies that do not fit a dataset."""

import numpy as np
import pytest

from matdisc.datasets import load
from matdisc.datasets.corrections import correction, energy_misfit, read_corrections, write_corrections
from matdisc.datasets.load import content_hash
from matdisc.errors import DataError, RunError
from matdisc.run import predict
from matdisc.run.evaluate import steps
from matdisc.schema import Crystal, Dataset, Sample
from matdisc.testing import cubic_crystal


def rocksalt(metal, anion, a):
    half = [(0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)]
    others = [(x + 0.5, y, z) for x, y, z in half]
    return Crystal((metal,) * 4 + (anion,) * 4, tuple(half + others), ((a, 0, 0), (0, a, 0), (0, 0, a)))


@pytest.mark.parametrize(
    ("crystal", "expected"),
    [
        (rocksalt("Mg", "O", 4.2), 4 * -0.687),  # Wang et al. 2021: oxide, eV per O
        (rocksalt("Na", "Cl", 5.6), 4 * -0.614),
        (rocksalt("Ni", "O", 4.2), 4 * (-0.687 - 2.541)),  # GGA+U: oxide and nickel
        (rocksalt("Ni", "N", 4.2), 4 * -0.361),  # no O or F, so plain GGA
        (cubic_crystal(["Cu", "Au"], 3.2), 0.0),
    ],
)
def test_corrections_are_those_of_the_paper(crystal, expected):
    assert correction(crystal) == pytest.approx(expected, abs=1e-6)


def test_a_table_of_corrections_comes_back_as_it_was_written(tmp_path):
    crystals = {"a": rocksalt("Mg", "O", 4.2), "b": cubic_crystal(["Cu"], 3.6)}
    samples = [Sample(name, {"crystal": crystal}, {}, name) for name, crystal in crystals.items()]
    assert write_corrections(tmp_path / "c.csv", samples) == 1
    assert read_corrections(tmp_path / "c.csv", ["b", "a"]) == {"b": 0.0, "a": -2.748}
    with pytest.raises(DataError, match=r"no correction for 1 materials, e.g. 'z'.*matdisc datasets corrections"):
        read_corrections(tmp_path / "c.csv", ["a", "z"])


def test_labels_of_wbm_hold_the_corrections_that_are_frozen(board):
    dataset = load(board, "wbm-crystals")
    k2se5 = next(s for s in dataset.samples if s.material_id == "wbm-2-22997")
    assert k2se5.target["e_form_per_atom"] == pytest.approx(-0.925)  # official; without the correction -0.588
    assert dataset.corrections["wbm-2-22997"] / 7 == pytest.approx(-0.925 + 0.588, abs=1e-3)
    values = np.array([dataset.corrections[s.material_id] for s in dataset.samples])
    assert (values != 0).sum() == 387


@pytest.mark.slow
def test_pymatgen_computes_the_frozen_corrections_but_for_three(board):
    dataset = load(board, "wbm-crystals")
    differ = {
        s.material_id
        for s in dataset.samples
        if abs(correction(s.crystal, "no_check") - dataset.corrections[s.material_id]) > 1e-3
    }
    assert differ == {"wbm-2-51340", "wbm-3-68551", "wbm-2-45522"}


SCALES = ("own", "pbe_raw", "mp2020_corrected")


@pytest.mark.parametrize("model_scale", SCALES)
@pytest.mark.parametrize("labels", [*SCALES, None])
@pytest.mark.parametrize("frozen", [False, True])
def test_energies_are_taken_only_where_they_mean_what_the_labels_mean(board, model_scale, labels, frozen):
    model = board.model("chgnet-0.3.0").model_copy(update={"energy_scale": model_scale})
    card = board.dataset("wbm-crystals").model_copy(update={"energy_scale": labels})
    copper = cubic_crystal(["Cu"], 3.6)
    sample = Sample("a", {"crystal": copper}, {}, "Cu")
    dataset = Dataset("d", (sample,), corrections={"a": 0.0} if frozen else {}, reference_crystals={"Cu": copper})
    fits = {
        ("own", "own"), ("pbe_raw", "own"), ("mp2020_corrected", "own"),
        ("pbe_raw", "pbe_raw"), ("mp2020_corrected", "mp2020_corrected"),
    } | ({("pbe_raw", "mp2020_corrected")} if frozen else set())  # fmt: skip
    assert (energy_misfit(model, card, dataset) is None) == ((model_scale, labels) in fits)


@pytest.mark.parametrize(("model_scale", "fits"), [("own", True), ("pbe_raw", False), ("mp2020_corrected", False)])
def test_references_on_a_scale_of_their_own_fit_models_on_no_other(board, model_scale, fits):
    model = board.model("chgnet-0.3.0").model_copy(update={"energy_scale": model_scale})
    card = board.dataset("emt-alloys")
    sample = Sample("a", {"crystal": cubic_crystal(["Cu"], 3.6)}, {}, "Cu")
    why = energy_misfit(model, card, Dataset("d", (sample,), references={"Cu": -1000.0}))
    assert (why is None) == fits
    assert fits or "are on a scale of their own" in why


def test_potentials_need_energies_of_the_elements(board):
    sample = Sample("a", {"crystal": cubic_crystal(["Cu"], 3.6)}, {}, "Cu")
    why = energy_misfit(board.model("emt"), board.dataset("emt-alloys"), Dataset("d", (sample,)))
    assert "holds no energies of the elements" in why


def test_a_raw_model_is_refused_on_corrected_labels_without_corrections(board, add_toy):
    add_toy("raw", "pair_potential")
    path = board.models_dir / "raw" / "model.toml"
    path.write_text(path.read_text().replace('"own"', '"pbe_raw"'))
    folder = board.datasets_dir / "wbm-crystals"
    card = (folder / "dataset.toml").read_text()
    start, end = card.index('[[files]]\nname = "corrections.csv"'), card.index('[[files]]\nname = "references.csv"')
    (folder / "dataset.toml").write_text(card[:start] + card[end:])
    without = load(board, "wbm-crystals", verify=False)
    assert without.corrections == {}
    digest = board.dataset("wbm-crystals").sha256
    text = (folder / "dataset.toml").read_text()
    (folder / "dataset.toml").write_text(text.replace(digest, content_hash(without)))
    said = "lack the MP2020 corrections.*no correction for 1000 of 1000.*matdisc datasets corrections wbm-crystals"
    with pytest.raises(RunError, match=said):
        predict(board, "raw", "discovery", "wbm-crystals", workers=0)
    _, left_out = steps(board, ["raw"], ["discovery"], ["wbm-crystals"], None)
    assert any("raw on wbm-crystals" in line and "lack the MP2020 corrections" in line for line in left_out)
