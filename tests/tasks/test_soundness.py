"""The soundness task: potentials that keep every law pass, and each that breaks one fails that check and no other."""

from dataclasses import replace

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from toy_pairs import Pairs, bump

from matdisc.board import Board, shipped_board
from matdisc.datasets import load
from matdisc.datasets.soundness import build
from matdisc.datasets.truth import truth_of
from matdisc.errors import DataError
from matdisc.formats.atoms import to_atoms
from matdisc.generate.soundness_probes import lines
from matdisc.physics.drivers import run_single
from matdisc.physics.neighbours import neighbours
from matdisc.scoring.answers import Answers
from matdisc.scoring.base import Bootstrap
from matdisc.tasks.soundness.checks import CHECKS, COLUMNS, excess
from matdisc.tasks.soundness.figures import draw
from matdisc.tasks.soundness.jumps import jumps
from matdisc.tasks.soundness.simulation import gaps
from matdisc.tasks.soundness.structures import FAR, doubled, normal, slab, with_copy, with_pair
from matdisc.tasks.soundness.task import SOUNDNESS

SET = "soundness-probes"
STEP = 5.0
"""Å at which the toys that jump do so; no two atoms of the probe are near that."""


def probe():
    atoms = bulk("Cu", "fcc", a=3.7, cubic=True)
    strain = np.array([[0.01, 0.02, 0], [0.02, 0, 0], [0, 0, -0.02]])
    atoms.set_cell(np.array(atoms.cell) @ (np.eye(3) + strain), scale_atoms=True)
    atoms.rattle(0.1, seed=1)
    return atoms


def values_of(calculator, atoms=None):
    return run_single(gaps(atoms or probe(), 3), calculator)


def broken(calculator, atoms=None):
    found = answers([values_of(calculator, atoms)])
    return {check.key for check in CHECKS if excess(check, found)[0] > 1}


def answers(rows):
    columns = {column.name: np.array([row.get(column.name, np.nan) for row in rows]) for column in COLUMNS}
    values = columns.pop("force_gap")
    coverage = {"answered": int(np.isfinite(values).sum()), "expected": len(rows)}
    none = np.empty(0)
    return Answers("force_gap", values, coverage, None, none, none, reported=columns)


def shared(law, height, kink=0.0):
    """Return a law with a step of `height` eV, and of `kink` eV/Å in its slope, at STEP."""

    def stepped(lengths):
        energies, slopes = law(lengths)
        inside = lengths < STEP
        return energies + inside * (height + kink * (lengths - STEP)), slopes + inside * kink

    return stepped


@pytest.fixture(scope="module")
def probes():
    board = Board(shipped_board())
    return board.dataset(SET), load(board, SET)


def test_effective_medium_theory_passes_every_check_on_every_probe_that_it_knows(probes):
    known = set(Board(shipped_board()).model("emt").elements)
    samples = [s for s in probes[1].samples if set(s.crystal.symbols) <= known]
    assert len(samples) == 5
    for sample in samples:
        assert broken(EMT(), to_atoms(sample.crystal)) == set()


def test_a_smooth_lennard_jones_potential_passes_every_check_by_far():
    values = values_of(LennardJones(sigma=2.3, epsilon=0.3, rc=6.3, ro=5.0, smooth=True))
    assert values["rotation_energy"] < 1e-12
    assert values["force_gap"] < 1e-6
    assert values["jump_energy"] < 1e-6
    assert not any(excess(check, answers([values]))[0] > 1 for check in CHECKS)


def test_the_toy_breaks_no_law():
    assert broken(Pairs()) == set()


def test_forces_that_no_energy_has_fail_the_check_of_forces_and_no_other():
    assert broken(Pairs(change=lambda found, atoms: replace(found, forces=1.2 * found.forces))) == {"forces"}


def test_a_stress_of_the_wrong_sign_fails_the_check_of_the_stress_and_no_other():
    assert broken(Pairs(change=lambda found, atoms: replace(found, stress=-found.stress))) == {"stress"}


def test_forces_that_push_the_whole_crystal_fail_the_two_checks_of_forces_and_no_other():
    def pushed(found, atoms):
        sizes = np.linalg.norm(found.forces, axis=1, keepdims=True)
        return replace(found, forces=found.forces * (1 + 20 * sizes))

    assert broken(Pairs(change=pushed)) == {"forces", "net_force"}


def test_an_energy_that_sees_one_axis_stretched_fails_rotation_and_no_other():
    assert broken(Pairs(stretch=(1.02, 1, 1))) == {"rotation"}


def test_an_energy_that_weighs_atoms_by_their_place_in_the_list_fails_permutation_and_no_other():
    assert broken(Pairs(uneven=0.5)) == {"permutation"}


def test_an_energy_with_a_constant_for_each_cell_fails_where_energies_have_to_add_up_and_nowhere_else():
    assert broken(Pairs(change=lambda found, atoms: replace(found, energy=found.energy + 0.1))) == {
        "supercell", "fragments",
    }  # fmt: skip


def test_an_energy_that_sees_across_the_vacuum_fails_where_atoms_are_far_apart_and_nowhere_else():
    far = Pairs(law=lambda lengths: bump(lengths, 16.0, 0.1), reach=16.0)
    assert broken(far) == {"far_atoms", "fragments"}


@pytest.mark.parametrize(("height", "kink"), [(0.01, 0.0), (0.0, 0.02)])
def test_a_jump_of_energy_or_force_at_a_cutoff_fails_smoothness_and_no_other(height, kink):
    _, _, _, lengths = neighbours(probe().positions, 6.0, np.array(probe().cell))
    assert np.abs(lengths - STEP).min() > 0.1
    assert broken(Pairs(law=shared(bump, height, kink))) == {"smoothness"}


def test_a_jump_is_measured_as_large_as_it_is():
    layer = slab(probe().repeat((4, 4, 1)))  # so wide that one pair has one image
    energy, force = run_single(jumps(layer), Pairs(law=shared(bump, 1e-2)))
    assert energy == pytest.approx(1e-2, rel=0.05)
    assert force < 1e-5
    energy, force = run_single(jumps(layer), Pairs(law=shared(bump, 0.0, 0.02)))
    assert force == pytest.approx(0.02, rel=0.05)
    assert energy < 1e-4


def test_random_noise_fails_reproducibility_and_no_other():
    rng = np.random.default_rng(0)

    def noisy(found, atoms):
        return replace(
            found,
            energy=found.energy + rng.normal(0, 0.01),
            forces=found.forces + rng.normal(0, 0.01, found.forces.shape),
            stress=found.stress + rng.normal(0, 0.001, 6),
        )

    assert broken(Pairs(change=noisy)) == {"reproducibility"}


def test_a_potential_without_stress_is_not_asked_about_it_and_its_card_says_so(probes):
    values = values_of(Pairs(stress=False))
    assert {"stress_gap", "rotation_stress"} & set(values) == set()
    card, truth = probes[0], truth_of(probes[1])
    found = answers([values] * len(truth))
    rows = {row[0]: row for row in draw(card, truth, found).tables[0].rows}
    assert "no stress" in rows["Stress is the strain derivative of the energy"][1]
    assert rows["Turns with the crystal"][1] == "passes"
    terms = SOUNDNESS.scoring.terms(card, truth, found)
    assert terms["sound"].tolist() == [1.0] * len(truth)
    assert np.isnan(terms["stress"]).all()


def test_a_probe_without_an_answer_is_not_sound_and_says_nothing_of_single_checks(probes):
    card, truth = probes[0], truth_of(probes[1])
    good = {column.name: 0.0 for column in COLUMNS}
    rows = [good, good | {"rotation_energy": 3e-4}, *[{}] * (len(truth) - 2)]
    terms = SOUNDNESS.scoring.terms(card, truth, answers(rows))
    assert terms["sound"].tolist() == [1.0] + [0.0] * (len(truth) - 1)
    assert terms["checks"][:3].tolist() == pytest.approx([1.0, 10 / 11, np.nan], nan_ok=True)
    assert terms["rotation"][:3].tolist() == pytest.approx([1.0, 0.0, np.nan], nan_ok=True)
    assert terms["excess"][:3].tolist() == pytest.approx([0.0, 3.0, np.nan], nan_ok=True)
    scored = SOUNDNESS.scoring.score(card, truth, answers(rows), Bootstrap(50))
    assert scored["metrics"]["sound"]["value"] == pytest.approx(1 / 17)
    assert scored["baseline"] == {}


def test_the_card_names_verdict_size_probe_and_what_a_breach_does(probes):
    card, truth = probes[0], truth_of(probes[1])
    good = {column.name: 0.0 for column in COLUMNS}
    rows = [good, good | {"rotation_forces": 5e-3, "rotation_energy": 3e-4}, *[{}] * (len(truth) - 2)]
    drawn = draw(card, truth, answers(rows))
    title, verdict, gap, tolerance, share, name, words = drawn.tables[0].rows[4]
    assert (title, verdict, gap, tolerance) == ("Turns with the crystal", "fails on 1 of 2", "0.005 eV/Å", "0.001 eV/Å")
    assert (share, name) == (pytest.approx(5.0), truth.material_ids[1].as_py())
    assert "cubic" in words
    assert drawn.tables[1].rows[1][2] == "rotation"
    assert drawn.tables[1].rows[2][2] == "no answer"
    assert drawn.figures[0].lines[0].labels[4] == f"Turns with the crystal: {name}"


def test_nothing_is_drawn_of_a_model_without_answers(probes):
    card, truth = probes[0], truth_of(probes[1])
    drawn = draw(card, truth, answers([{}] * len(truth)))
    assert {row[1] for row in drawn.tables[0].rows} == {"no answer"}
    assert drawn.figures[0].lines[0].x == ()


def test_an_error_of_the_potential_is_the_probes_own():
    class Molecules(Pairs):
        def calculate(self, atoms=None, *rest, **more):
            if atoms.pbc.any():
                raise NotImplementedError("no periodic cells")
            super().calculate(atoms, *rest, **more)

    with pytest.raises(NotImplementedError, match="no periodic cells"):
        values_of(Molecules())


def test_every_value_has_a_column_and_every_metric_its_term(probes):
    assert set(values_of(Pairs())) == {column.name for column in COLUMNS}
    card, truth = probes[0], truth_of(probes[1])
    keys = set(SOUNDNESS.scoring.all_terms(card, truth, answers([{}] * len(truth)))) | {"seconds"}
    assert keys == {metric.key for metric in SOUNDNESS.metrics}


def test_a_slab_keeps_its_atoms_and_has_room_for_others_on_both_sides():
    atoms = probe()
    layer = slab(atoms)
    np.testing.assert_array_equal(layer.positions, atoms.positions)
    heights = with_pair(layer, FAR + 5).positions @ normal(layer)
    assert heights[-2] - heights[:-2].max() == pytest.approx(FAR + 5)
    assert layer.cell.volume / np.linalg.norm(np.cross(layer.cell[0], layer.cell[1])) - np.ptp(heights) > FAR
    both = with_copy(layer)
    assert both.get_distances(0, range(4, 8), mic=True).min() > FAR


def test_a_doubled_cell_holds_the_same_crystal():
    atoms = probe()
    twice = doubled(atoms)
    assert twice.cell.volume == pytest.approx(2 * atoms.cell.volume)
    pairs = [
        np.sort(neighbours(one.positions, 5.0, np.array(one.cell), half=True)[3])
        for one in (atoms.repeat((2, 1, 1)), twice)
    ]
    np.testing.assert_allclose(*pairs)


def test_the_frozen_probes_are_those_of_the_generator():
    path = shipped_board() / "datasets" / SET / "probes.jsonl"
    assert path.read_text(encoding="utf-8").splitlines() == lines()


def test_every_probe_has_forces_and_stress_and_no_atoms_on_top_of_each_other(probes):
    for sample in probes[1].samples:
        atoms = to_atoms(sample.crystal)
        _, _, _, lengths = neighbours(atoms.positions, 4.0, np.array(atoms.cell), half=True)
        assert 0.9 < lengths.min() < 4.0


@pytest.mark.parametrize("line", ["", "{}", '{"material_id": "a", "kind": "metal", "structure": 3}', "[]"])
def test_a_damaged_file_of_probes_is_refused_by_its_line(tmp_path, probes, line):
    path = tmp_path / "probes.jsonl"
    path.write_text(lines()[0] + "\n" + line + "\n", encoding="utf-8")
    with pytest.raises(DataError, match="line 2"):
        build(probes[0], {"probes.jsonl": path})


def test_a_probe_that_stands_there_twice_is_refused(tmp_path, probes):
    path = tmp_path / "probes.jsonl"
    path.write_text("\n".join(lines()[:1] * 2) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match="repeat"):
        build(probes[0], {"probes.jsonl": path})


@pytest.mark.slow
@pytest.mark.parametrize("version", ["0.3.0", "0.2.0"])
def test_chgnet_passes_every_check_on_a_metal_and_an_oxide(probes, version):
    from matdisc.models.potentials.chgnet import load as load_chgnet

    calculator = load_chgnet(version)
    for sample in probes[1].samples:
        if sample.material_id in ("Cu-fcc", "SrTiO3-perovskite"):
            assert broken(calculator, to_atoms(sample.crystal)) == set()
