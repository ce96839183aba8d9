"""The vacancies task: EMT against ASE, pair potentials with a known answer, tables with faults, hand-counted scores."""

from types import SimpleNamespace

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS

from matdisc.board import Board, shipped_board
from matdisc.cards import DatasetCard
from matdisc.datasets import load
from matdisc.datasets.prototypes import crystal
from matdisc.datasets.truth import truth_of
from matdisc.datasets.vacancies import FAULTY, TABLES, build
from matdisc.errors import DataError
from matdisc.physics.drivers import run_batched, run_single
from matdisc.predictions import write
from matdisc.protocols import PROTOCOLS
from matdisc.run.predict import predict
from matdisc.schema import Crystal, Dataset, Prediction, Sample
from matdisc.scoring.align import align
from matdisc.scoring.base import Bootstrap
from matdisc.tasks.vacancies.simulation import REPEATS, largest_move, nearest, simulate
from matdisc.tasks.vacancies.task import RULE, VACANCIES, rank_terms, standard_ranks

SCORING, FEW = VACANCIES.scoring, Bootstrap(50, 0)
COLUMNS = [column.name for column in SCORING.columns]
RELAX, FAST, STILL = (PROTOCOLS[name] for name in ("relax", "relax-fast", "single-point"))


def sample(element, structure, edge):
    start = crystal(structure, (element,), edge)
    return Sample(
        f"{element}-{structure}", {"crystal": start, "compound": element, "prototype": structure}, {}, element
    )


def asked(one, calculator, protocol=RELAX):
    return run_single(simulate(one, protocol, None, 0.0), calculator)


def by_ase(atoms, repeats):
    """The same vacancy with ASE's own tools: formation energy and that before relaxation, eV."""
    atoms.calc = EMT()
    BFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=1e-4, steps=300)
    whole = atoms.repeat(repeats)
    whole.calc = EMT()
    full = whole.get_potential_energy()
    del whole[0]
    whole.calc = EMT()
    before = whole.get_potential_energy()
    BFGS(whole, logfile=None).run(fmax=1e-3, steps=300)
    share = len(whole) / (len(whole) + 1) * full
    return whole.get_potential_energy() - share, before - share


@pytest.mark.parametrize("protocol", [RELAX, FAST])
def test_a_vacancy_in_copper_costs_what_ase_says(protocol):
    relaxed, unrelaxed = by_ase(bulk("Cu", "fcc", a=3.7), (4, 4, 4))
    found = asked(sample("Cu", "fcc", 3.7), EMT(), protocol)
    assert found.converged
    assert found.values["vacancy_energy"] == pytest.approx(relaxed, abs=3e-3)
    assert found.values["unrelaxed"] == pytest.approx(unrelaxed, abs=1e-3)
    assert found.values["vacancy_energy"] < found.values["unrelaxed"]
    assert 0 < found.values["moved"] < 0.1


def test_a_vacancy_in_hexagonal_copper_costs_what_ase_says():
    relaxed, unrelaxed = by_ase(bulk("Cu", "hcp", a=2.6, c=2.6 * 1.633), (4, 4, 2))
    found = asked(sample("Cu", "hcp", 2.6), EMT())
    assert found.values["vacancy_energy"] == pytest.approx(relaxed, abs=3e-3)
    assert found.values["unrelaxed"] == pytest.approx(unrelaxed, abs=1e-3)


@pytest.mark.parametrize("structure", ["fcc", "hcp"])
def test_with_pair_potentials_an_unrelaxed_vacancy_costs_the_cohesive_energy(structure):
    epsilon, sigma = 0.4, 2.5
    touching = 2 ** (1 / 6) * sigma
    one = sample("Cu", structure, touching * (2**0.5 if structure == "fcc" else 1.0))
    pairs = LennardJones(sigma=sigma, epsilon=epsilon, rc=2 * sigma, smooth=False)
    found = asked(one, pairs, STILL)  # nothing moves
    atoms = bulk("Cu", structure, a=touching * (2**0.5 if structure == "fcc" else 1.0))
    atoms.calc = pairs
    cohesive = -atoms.get_potential_energy() / len(atoms)
    assert found.values["vacancy_energy"] == found.values["unrelaxed"] == pytest.approx(cohesive, rel=1e-6)
    assert cohesive > 6 * epsilon  # twelve neighbours, and more beyond them


def test_the_volume_is_the_potentials_own_and_the_start_does_not_matter():
    ends = [asked(sample("Cu", "fcc", edge), EMT()).values for edge in (3.5, 3.8)]
    assert ends[0]["volume_per_atom"] == pytest.approx(ends[1]["volume_per_atom"], rel=1e-3)
    assert ends[0]["vacancy_energy"] == pytest.approx(ends[1]["vacancy_energy"], abs=2e-3)


def test_a_supercell_has_64_atoms_and_its_neighbours_lie_as_in_the_crystal():
    from matdisc.datasets.dynamics import repeated

    for structure, edge, distance in (("fcc", 4.0, 4.0 / 2**0.5), ("hcp", 2.8, 2.8)):
        whole = repeated(crystal(structure, ("Cu",), edge), REPEATS[structure])
        assert len(whole.symbols) == 64
        assert nearest(whole) == pytest.approx(distance)


def test_the_way_of_an_atom_goes_across_the_boundary_and_without_the_drift_of_all():
    cell = ((4.0, 0.0, 0.0), (0.0, 4.0, 0.0), (0.0, 0.0, 4.0))
    before = Crystal(("Cu",) * 2, ((0.99, 0.0, 0.0), (0.5, 0.5, 0.5)), cell)
    after = Crystal(("Cu",) * 2, ((0.01, 0.0, 0.0), (0.5, 0.5, 0.5)), cell)
    drifted = Crystal(("Cu",) * 2, ((1.09, 0.0, 0.0), (0.6, 0.5, 0.5)), cell)
    assert largest_move(before, after) == pytest.approx(0.04)  # 0.08 Å, of which half is the mean
    assert largest_move(before, drifted) == pytest.approx(0.0, abs=1e-12)


def test_an_unstable_crystal_keeps_its_structure_while_it_is_relaxed():
    class Shearing(EMT):
        """Copper with a stress that a cubic crystal cannot have."""

        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            self.results["stress"] = self.results["stress"] + np.array([0.02, -0.02, 0.0, 0.01, 0.01, 0.0])

    found, plain = asked(sample("Cu", "fcc", 3.7), Shearing()), asked(sample("Cu", "fcc", 3.7), EMT())
    assert found.values == pytest.approx(plain.values)


def test_a_potential_without_stress_is_told_so():
    class Stressless(EMT):
        implemented_properties = ("energy", "forces")

    with pytest.raises(ValueError, match="gives no stress"):
        asked(sample("Cu", "fcc", 3.6), Stressless())


def test_a_crystal_that_flies_apart_is_a_failure_of_its_own():
    class Repelling(EMT):
        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            self.results["stress"] = np.array([-5.0, -5.0, -5.0, 0.0, 0.0, 0.0])

    work = [("bad", simulate(sample("Cu", "fcc", 3.6), RELAX, None, 0.0))]
    (ended,) = run_batched(work, Repelling())
    assert isinstance(ended.error, ArithmeticError)
    assert "volume changed" in str(ended.error)


def test_crystals_in_flight_together_end_as_they_do_alone():
    ones = [sample("Cu", "fcc", 3.6), sample("Ni", "fcc", 3.5)]
    work = ((s.material_id, simulate(s, RELAX, None, 0.0)) for s in ones)
    found = {ended.key: ended.value for ended in run_batched(work, EMT())}
    assert [found[s.material_id].values for s in ones] == [asked(s, EMT()).values for s in ones]


def card(**more):
    content = {
        "key": "holes", "title": "holes", "summary": "holes", "licence": "MIT", "citation": ["none"],
        "level_of_theory": "none", "tasks": ["vacancies"], "builder": "none:none", "n_samples": 4, "columns": {},
        "split": {"kind": "folds", "by": "group"},
        "files": [{"name": "labels.csv", "sha256": "0" * 64, "licence": "MIT"}],
    }  # fmt: skip
    return DatasetCard.model_validate(content | more)


def labelled(name, vacancy, cohesive):
    start = crystal("fcc", (name,), 4.0)
    return Sample(
        name,
        {"crystal": start, "compound": name, "prototype": "fcc"},
        {"vacancy_energy": vacancy, "cohesive_energy": cohesive, "volume_per_atom": 16.0},
        name,
        flags=("fcc",),
    )


FOUR = (labelled("Cu", 1.0, 4.0), labelled("Al", 0.5, 3.0), labelled("Pt", 0.7, 5.0), labelled("Ni", 1.4, 5.0))


def answer(name, energy, moved=0.05, volume=16.0):
    values = {"vacancy_energy": energy, "unrelaxed": energy + 0.2, "moved": moved, "volume_per_atom": volume}
    return Prediction(name, values)


def score(tmp_path, answers, **more):
    path = tmp_path / "p.csv"
    write(path, answers, COLUMNS)
    truth = truth_of(Dataset("holes", FOUR))
    found = align(SCORING.read(path), truth, SCORING)
    return SimpleNamespace(
        result=SCORING.score(card(**more), truth, found, FEW),
        drawn=SCORING.artifacts(card(**more), truth, found, None, FEW),
    )


def values(result):
    return {key: metric["value"] for key, metric in result["metrics"].items()}


def test_errors_of_four_crystals_are_those_counted_by_hand(tmp_path):
    answers = [answer("Cu", 0.9, volume=15.2), answer("Al", -0.1), answer("Pt", 0.7), answer("Ni", 1.7, moved=0.6)]
    scored = score(tmp_path, answers)
    found = values(scored.result)
    assert found["vacancy_mae"] == pytest.approx((0.1 + 0.6 + 0.0 + 0.3) / 4)
    assert found["bias"] == pytest.approx((-0.1 - 0.6 + 0.0 + 0.3) / 4)
    assert found["scaled"] == pytest.approx((0.1 / 4 + 0.6 / 3 + 0.3 / 5) / 4)
    assert found["rank"] == pytest.approx(1.0)  # Al < Pt < Cu < Ni both times
    assert found["negative"] == found["rebuilt"] == 0.25
    assert found["relaxed_by"] == pytest.approx(0.2)
    assert found["volume_error"] == pytest.approx(0.05 / 4)
    assert found["coverage"] == 1.0
    said = {row[0]: row[-1] for row in scored.drawn.tables[0].rows}
    assert said == {"Al": "negative", "Ni": "rebuilt", "Cu": "vacancy", "Pt": "vacancy"}


def test_a_missing_answer_counts_as_a_vacancy_that_costs_nothing(tmp_path):
    scored = score(tmp_path, [answer("Cu", 0.9)])
    found = values(scored.result)
    assert found["vacancy_mae"] == pytest.approx((0.1 + 0.5 + 0.7 + 1.4) / 4)
    assert found["scaled"] == pytest.approx((0.1 / 4 + 0.5 / 3 + 0.7 / 5 + 1.4 / 5) / 4)
    assert found["bias"] == pytest.approx(-0.1)
    assert found["coverage"] == 0.25
    assert {row[-1] for row in scored.drawn.tables[0].rows} == {"vacancy", "no answer"}


def test_the_baseline_is_the_rule_of_cohesive_energies(tmp_path):
    rule = score(tmp_path, [answer("Cu", 0.9)]).result["baseline"]
    errors = [RULE * s.target["cohesive_energy"] - s.target["vacancy_energy"] for s in FOUR]
    assert rule["vacancy_mae"] == pytest.approx(np.abs(errors).mean())
    assert rule["bias"] == pytest.approx(np.mean(errors))


def test_the_mean_of_rank_terms_is_spearmans_correlation():
    from scipy.stats import spearmanr

    rng = np.random.default_rng(0)
    one, other, keep = rng.normal(size=30).round(1), rng.normal(size=30).round(1), np.ones(30, bool)
    assert rank_terms(one, other, keep).mean() == pytest.approx(spearmanr(one, other).statistic)
    assert rank_terms(one, 3 * one, keep) == pytest.approx(1.0)


def test_rank_terms_spread_as_the_correlation_does_when_crystals_are_drawn_anew():
    from scipy.stats import spearmanr

    rng = np.random.default_rng(1)
    one = rng.normal(size=200)
    other = one + rng.normal(size=200)
    found = rank_terms(one, other, np.ones(200, bool))
    draws = rng.integers(0, 200, (300, 200))
    full = [spearmanr(one[draw], other[draw]).statistic for draw in draws]
    assert found[draws].mean(axis=1).std() == pytest.approx(np.std(full), rel=0.25)


def test_ranks_are_undefined_outside_the_headline_and_where_all_are_equal():
    keep = np.array([True, True, False])
    assert standard_ranks(np.array([2.0, 5.0, 9.0]), keep).tolist() == pytest.approx([-1, 1, np.nan], nan_ok=True)
    assert np.isnan(standard_ranks(np.ones(3), keep)).all()


TABLE = "symbol,cohesive_energy,K,K',volume_per_atom,e_vacform,e_vacmig\n"


def built(tmp_path, fcc, hcp="Cu,3.5,,,12,1.0,\n"):
    for name, rows in (("fcc", fcc), ("hcp", hcp)):
        (tmp_path / TABLES[name]).write_text(TABLE + rows)
    return build(card(), {name: tmp_path / name for name in TABLES.values()})


def test_negative_energies_faulty_rows_and_rows_without_moments_are_left_out(tmp_path):
    rows = "Be,3.64,1,1,7.9,-0.06,0.7\nEr,1.55,1,1,41,1.0,\nCo,4.9,1,1,10.3,1.84,\nCo_mag,5.1,1,1,10.9,1.79,\n"
    dataset = built(tmp_path, rows + "Ar,0.02,1,1,45,0.01,\nGe,3.4,,,19.5,0.1,\n")
    assert "Er-fcc" in FAULTY
    found = {s.material_id: s for s in dataset.samples}
    assert list(found) == ["Co-fcc", "Ar-fcc", "Ge-fcc", "Cu-hcp"]
    assert found["Co-fcc"].target["vacancy_energy"] == 1.79
    assert [name for name, s in found.items() if "doubtful" in s.flags] == ["Ar-fcc", "Ge-fcc"]


def test_crystals_start_from_the_volume_of_the_table(tmp_path):
    for s in built(tmp_path, "Cu,3.5,,,12,1.0,\n").samples:
        assert abs(np.linalg.det(s.crystal.cell)) / len(s.crystal.symbols) == pytest.approx(12.0)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("Cu,3.5,,,12,high,\n", "'e_vacform' .*is not a number"),
        ("Cu,3.5,,,-1,1.0,\n", "'volume_per_atom' .*not positive"),
    ],
)
def test_a_damaged_table_is_refused_with_its_field(tmp_path, row, said):
    with pytest.raises(DataError, match=said):
        built(tmp_path, row)


@pytest.mark.mirror
def test_the_tables_hold_the_crystals_of_the_card():
    board = Board(shipped_board())
    dataset = load(board, "vacancies-angsten")
    assert len(dataset) == board.dataset("vacancies-angsten").n_samples == 103
    truth = truth_of(dataset)
    assert int(truth.flags["doubtful"].sum()) == 11
    assert (truth.target("vacancy_energy") >= 0).all()
    rule = SCORING.baseline(board.dataset("vacancies-angsten"), truth)
    assert 0.2 < rule["vacancy_mae"].mean() < 0.5


@pytest.mark.mirror
@pytest.mark.slow
def test_a_run_of_emt_is_scored(board):
    run = predict(board, "emt", "vacancies", "vacancies-angsten", workers=0)
    assert run.counts == {"ok": 14, "unsupported": 89}
    found = align(SCORING.read(run.out), truth_of(load(board, "vacancies-angsten")), SCORING)
    assert np.isfinite(found.values).sum() == 14
