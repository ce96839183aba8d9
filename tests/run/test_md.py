"""`matdisc md`: files that a stop cannot harm, named errors, and the physics of what is written."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import read
from typer.testing import CliRunner

from matdisc.errors import CardError, DataError, RunError
from matdisc.formats.entries import Entry
from matdisc.formats.write import write_entries
from matdisc.physics.md import Conditions, Watchdog
from matdisc.run.md.driver import MDOptions, run_md
from matdisc.run.md.files import read_thermo
from matdisc.run.md.inputs import model_of, structure_of
from matdisc.run.md.job import Dynamics, Part

HERE = MDOptions(workers=0)
FILES = ("trajectory.extxyz", "thermo.csv")


def copper():
    return bulk("Cu", cubic=True)


def job(board, steps=40, model="emt", **more):
    c = Conditions(ensemble="langevin", temperature=300, timestep=2.0)
    asked = {"every": 5, "thermo_every": 3, "checkpoint_every": 10, "watchdog": Watchdog()} | more
    return Dynamics(board.model(model), asked.pop("conditions", c), steps, **asked)


def contents(folder):
    return [(folder / name).read_bytes() for name in FILES]


def test_a_trajectory_is_written_with_its_thermodynamics(board, tmp_path):
    (found,) = run_md(job(board, velocities=True), copper(), [300.0], 1, tmp_path / "out", options=HERE)
    folder = tmp_path / "out" / "T300-r1"
    frames, thermo = read(folder / "trajectory.extxyz", ":"), read_thermo(folder / "thermo.csv")
    assert [f.info["step"] for f in frames] == list(range(0, 41, 5))
    assert list(thermo["step"]) == list(range(0, 40, 3))
    assert (found.steps, found.time_ps, found.ended) == (40, 0.08, "done")
    assert found.temperature == pytest.approx(thermo["temperature_K"][4:].mean())
    np.testing.assert_allclose(thermo["total_eV"], thermo["potential_eV"] + thermo["kinetic_eV"], atol=2e-8)
    assert thermo["density_g_cm3"][0] == pytest.approx(8.97, abs=0.01)
    at_15 = frames[3]
    assert at_15.get_kinetic_energy() == pytest.approx(thermo["kinetic_eV"][5], rel=1e-5)
    assert at_15.get_potential_energy() == pytest.approx(thermo["potential_eV"][5], abs=1e-7)


def test_what_is_written_presses_as_ase_says(board, tmp_path):
    from ase.calculators.emt import EMT
    from ase.units import bar

    run_md(job(board, 15, velocities=True), copper(), [500.0], 1, tmp_path, options=HERE)
    last = read(tmp_path / "T500-r1" / "trajectory.extxyz", -1)
    thermo = read_thermo(tmp_path / "T500-r1" / "thermo.csv")
    last.calc = EMT()
    expected = -last.get_stress(include_ideal_gas=True) / bar
    found = [thermo[f"pressure_{axes}_bar"][-1] for axes in ("xx", "yy", "zz", "yz", "xz", "xy")]
    np.testing.assert_allclose(found, expected, atol=0.5)


@pytest.mark.parametrize("ensemble", ["nve", "langevin", "nose-hoover", "npt"])
def test_a_run_in_two_calls_writes_the_bytes_of_one(board, tmp_path, ensemble):
    asked = {"conditions": Conditions(ensemble=ensemble, temperature=300, timestep=2.0, barostat_fs=200)}
    run_md(job(board, 60, **asked), copper(), [300.0], 1, tmp_path / "whole", options=HERE)
    run_md(job(board, 30, **asked), copper(), [300.0], 1, tmp_path / "parts", options=HERE)
    half = contents(tmp_path / "parts" / "T300-r1")
    for name in FILES:  # what a crash leaves behind the checkpoint
        with (tmp_path / "parts" / "T300-r1" / name).open("ab") as file:
            file.write(b"12,half a li")
    resume = MDOptions(workers=0, resume=True)
    run_md(job(board, 60, **asked), copper(), [300.0], 1, tmp_path / "parts", options=resume)
    whole, parts = contents(tmp_path / "whole" / "T300-r1"), contents(tmp_path / "parts" / "T300-r1")
    assert whole == parts
    assert all(w.startswith(h) and len(w) > len(h) for w, h in zip(whole, half, strict=True))


def remembering():
    """EMT whose answers depend on how often it was asked, as sums over old neighbour lists do in their last bits."""
    from ase.calculators.emt import EMT

    class Remembering(EMT):
        asked = 0

        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            self.asked += 1
            self.results["forces"] = self.results["forces"] + 1e-9 * self.asked

    return Remembering()


def test_what_a_potential_remembers_does_not_reach_beyond_a_checkpoint(board, tmp_path):
    card = board.model("emt").model_copy(update={"loader": f"{__name__}:remembering"})
    for out, lengths in (("whole", [60]), ("parts", [20, 50, 60])):
        for steps in lengths:
            asked = Dynamics(card, job(board).conditions, steps, every=5, thermo_every=3, checkpoint_every=10)
            run_md(asked, copper(), [300.0], 1, tmp_path / out, options=HERE)
    assert contents(tmp_path / "whole" / "T300-r1") == contents(tmp_path / "parts" / "T300-r1")


def test_replicas_differ_and_more_of_them_change_none(board, tmp_path):
    run_md(job(board, 20), copper(), [300.0], 2, tmp_path, options=HERE)
    first, second = (contents(tmp_path / f"T300-r{n}") for n in (1, 2))
    assert first != second
    found = run_md(job(board, 20), copper(), [300.0, 400.0], 3, tmp_path, options=HERE)
    assert [one.name for one in found] == [f"T{t}-r{n}" for t in (300, 400) for n in (1, 2, 3)]
    assert contents(tmp_path / "T300-r1") == first


def test_a_folder_of_another_simulation_is_refused(board, tmp_path):
    run_md(job(board, 10), copper(), [300.0], 1, tmp_path, options=HERE)
    with pytest.raises(RunError, match=r"timestep = 2\.0, now it is 1\.0"):
        run_md(job(board, 10, conditions=Conditions(temperature=300, ensemble="langevin")), copper(), [300.0], 1,
               tmp_path, options=HERE)  # fmt: skip
    with pytest.raises(RunError, match="structure_sha256"):
        run_md(job(board, 10), bulk("Cu", cubic=True, a=3.7), [300.0], 1, tmp_path, options=HERE)
    with pytest.raises(RunError, match="has 10 steps"):
        run_md(job(board, 5), copper(), [300.0], 1, tmp_path, options=HERE)
    run_md(job(board, 5), copper(), [300.0], 1, tmp_path, options=MDOptions(workers=0, restart=True))
    assert len((tmp_path / "old-1" / "T300-r1" / "thermo.csv").read_text().splitlines()) == 5
    with pytest.raises(RunError, match="holds no simulation"):
        run_md(job(board, 5), copper(), [300.0], 1, tmp_path / "new", options=MDOptions(workers=0, resume=True))


def test_a_file_shorter_than_its_checkpoint_is_told(board, tmp_path):
    run_md(job(board, 10), copper(), [300.0], 1, tmp_path, options=HERE)
    (tmp_path / "T300-r1" / "thermo.csv").write_text("step\n")
    with pytest.raises(DataError, match=r"thermo\.csv: has 5 bytes"):
        run_md(job(board, 20), copper(), [300.0], 1, tmp_path, options=HERE)


def test_a_trajectory_that_broke_stays_ended(board, tmp_path):
    dog = Watchdog(every=1, drift=1e-9, drift_rate=0.0)
    (found,) = run_md(job(board, 20, watchdog=dog), copper(), [300.0], 1, tmp_path, options=HERE)
    assert (found.ended, found.steps < 20) == ("drift", True)
    before = contents(tmp_path / "T300-r1")
    (again,) = run_md(job(board, 40, watchdog=dog), copper(), [300.0], 1, tmp_path, options=HERE)
    assert (again.ended, again.detail) == ("drift", found.detail)
    assert contents(tmp_path / "T300-r1") == before


def test_a_rough_start_is_relaxed_if_that_is_asked_for(board, tmp_path):
    atoms = bulk("Cu", cubic=True) * (2, 1, 1)
    atoms.positions[0] += [1.45, 1.45, 0]
    with pytest.raises(RunError, match="exploding start"):
        run_md(job(board, 10), atoms, [300.0], 1, tmp_path / "rough", options=HERE)
    (found,) = run_md(job(board, 20, relax=100), atoms, [300.0], 1, tmp_path / "relaxed", options=HERE)
    assert (found.steps, found.ended) == (20, "done")
    run_md(job(board, 10, relax=100), atoms, [300.0], 1, tmp_path / "parts", options=HERE)
    run_md(job(board, 20, relax=100), atoms, [300.0], 1, tmp_path / "parts", options=HERE)
    assert contents(tmp_path / "parts" / "T300-r1") == contents(tmp_path / "relaxed" / "T300-r1")


def test_unknown_elements_are_named_before_anything_is_written(board, tmp_path):
    with pytest.raises(RunError, match="'emt' does not know W"):
        run_md(job(board), bulk("W"), [300.0], 1, tmp_path / "out", options=HERE)
    assert not (tmp_path / "out").exists()


def test_a_potential_that_cannot_take_the_start_is_an_error_in_words(board, add_toy, tmp_path):
    add_toy("raises", "misbehaving", how="raise", symbol="Cu")
    with pytest.raises(RunError, match="replica T300-r1: model 'raises' has no answer to the start: "):
        run_md(job(board, model="raises"), copper(), [300.0], 1, tmp_path / "out", options=HERE)
    add_toy("nan", "misbehaving", how="nan", symbol="Cu")
    with pytest.raises(RunError, match=r"exploding start: .* finite"):
        run_md(
            job(board, model="nan"), copper(), [300.0], 1, tmp_path / "out", options=MDOptions(workers=0, restart=True)
        )


def test_models_are_keys_or_trained_folders(board, tmp_path):
    assert model_of("emt", board.root).key == "emt"
    with pytest.raises(CardError, match="predictor"):
        model_of("dummy-mean", board.root)
    with pytest.raises(CardError, match="no weights"):
        model_of(str(tmp_path), board.root)
    (tmp_path / "weights.safetensors").touch()
    with pytest.raises(CardError, match=r"model\.toml"):
        model_of(str(tmp_path), board.root)
    (tmp_path / "model.toml").write_text('[weights]\nsha256 = "abc"\n[settings]\nelements = ["H", "O"]\n')
    card = model_of(str(tmp_path), board.root)
    assert (card.elements, card.version, card.options["folder"]) == (("H", "O"), "abc", str(tmp_path))


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.csv"])
def test_a_start_is_read_from_the_formats_of_the_field_where_it_is_the_only_one(tmp_path, name):
    copper = bulk("Cu", cubic=True)
    write_entries(tmp_path / name, [Entry("x", copper)])
    assert str(structure_of(str(tmp_path / name)).symbols) == "Cu4"
    write_entries(tmp_path / name, [Entry("x", copper), Entry("y", copper)])
    with pytest.raises(RunError, match="holds 2 structures; dynamics starts from one"):
        structure_of(str(tmp_path / name))


def test_structures_that_make_no_sense_are_named(tmp_path):
    path = str(tmp_path / "a.extxyz")
    with pytest.raises(RunError, match="no such file"):
        structure_of(path)
    (tmp_path / "a.extxyz").write_text("nonsense")
    with pytest.raises(RunError, match="cannot be read"):
        structure_of(path)
    for atoms, said in (
        (Atoms("Cu", [[np.nan, 0, 0]]), "finite"),
        (Atoms("Cu", pbc=True), "no volume"),
        (Atoms("H2", [[0, 0, 0], [0, 0, 74.0]]), "in Å"),
        (Atoms("H", info={"charge": 0.5}), "whole number"),
    ):
        atoms.write(path)
        with pytest.raises(RunError, match=said):
            structure_of(path)
    with pytest.raises(RunError, match="'EC' is not SPECIES=NUMBER"):
        structure_of("box:EC")
    with pytest.raises(RunError, match="for boxes"):
        structure_of(path, density=1.0)


@pytest.mark.parametrize("velocities", [False, True])
def test_every_frame_says_which_atoms_form_a_molecule_and_so_does_a_start_from_it(board, tmp_path, velocities):
    """As alignment needs it (docs/guides/training.md)."""
    cell = bulk("Cu", cubic=True)
    cell.set_array("molecule", np.array([0, 0, 7, 12]))
    run_md(job(board, 10, velocities=velocities), cell, [300.0], 1, tmp_path, options=HERE)
    trajectory = tmp_path / "T300-r1" / "trajectory.extxyz"
    assert [f.get_array("molecule").tolist() for f in read(trajectory, ":")] == [[0, 0, 7, 12]] * 3
    assert structure_of(str(trajectory)).get_array("molecule").tolist() == [0, 0, 7, 12]


def kept(board, tmp_path, atoms, card):
    """The last frame that a run writes, as a start; the last line of its table, and the first of one that goes on."""
    atoms.write(tmp_path / "start.extxyz")
    start = structure_of(str(tmp_path / "start.extxyz"))
    asked = replace(job(board, 20, velocities=True, thermo_every=20), model=card)
    run_md(asked, start, [300.0], 1, tmp_path / "first", options=HERE)
    again = structure_of(str(tmp_path / "first" / "T300-r1" / "trajectory.extxyz"), keep_velocities=True)
    going_on = replace(asked, conditions=Conditions(ensemble="nve", temperature=300, timestep=2.0))
    run_md(going_on, again, [300.0], 1, tmp_path / "again", options=HERE)
    first, second = (read_thermo(tmp_path / name / "T300-r1" / "thermo.csv") for name in ("first", "again"))
    return again, {key: values[-1] for key, values in first.items()}, {key: values[0] for key, values in second.items()}


def test_dynamics_goes_on_from_a_frame_with_the_masses_it_had(board, tmp_path):
    atoms = bulk("Cu", cubic=True)
    atoms.set_masses([40.0] * 4)
    again, last, first = kept(board, tmp_path, atoms, board.model("emt"))
    np.testing.assert_allclose(again.get_masses(), 40.0)
    assert last["density_g_cm3"] == pytest.approx(8.97 * 40 / 63.546, abs=0.01)
    for name in ("potential_eV", "kinetic_eV", "density_g_cm3"):
        assert first[name] == pytest.approx(last[name], abs=1e-5)


def test_deuterium_from_a_cif_stays_deuterium(board, tmp_path):
    cell = "".join(f"_cell_length_{axis} 4\n" for axis in "abc")
    cell += "".join(f"_cell_angle_{angle} 90\n" for angle in ("alpha", "beta", "gamma"))
    columns = "".join(f"_atom_site_{name}\n" for name in ("label", "type_symbol", "fract_x", "fract_y", "fract_z"))
    sites = "D1 D 0.25 0.5 0.5\nD2 D 0.75 0.5 0.5\n"
    (tmp_path / "d.cif").write_text(f"data_d\n{cell}_symmetry_space_group_name_H-M 'P 1'\nloop_\n{columns}{sites}")
    start = structure_of(str(tmp_path / "d.cif"))
    assert start.get_chemical_formula() == "H2"
    options = {"factory": "ase.calculators.lj:LennardJones", "sigma": 1.8, "epsilon": 0.01, "rc": 5.0}
    other = {"elements": (), "loader": "matdisc.models.potentials.ase_factory:load", "options": options}
    again, last, first = kept(board, tmp_path, start, board.model("emt").model_copy(update=other))
    np.testing.assert_allclose(again.get_masses(), 2.014, atol=1e-3)
    for name in ("potential_eV", "kinetic_eV", "density_g_cm3"):
        assert first[name] == pytest.approx(last[name], abs=1e-5)


@pytest.mark.parametrize("key", ["charge", "total_charge"])
def test_the_charge_of_an_ion_is_in_every_frame_and_gives_its_energy_again(board, tmp_path, key):
    pytest.importorskip("numba", reason="needs the package numba (matdisc[ml])")
    from matdisc.physics.molecules.species import species

    anion = species("PF6-")
    atoms = Atoms(anion.symbols, anion.positions, info={key: -1})
    again, last, first = kept(board, tmp_path, atoms, board.model("get-mini"))
    assert again.info["charge"] == -1
    assert first["potential_eV"] == pytest.approx(last["potential_eV"], abs=1e-3)
    neutral = structure_of(str(tmp_path / "first" / "T300-r1" / "trajectory.extxyz"), keep_velocities=True)
    neutral.info["charge"] = 0
    run_md(job(board, 1, model="get-mini"), neutral, [300.0], 1, tmp_path / "neutral", options=HERE)
    other = read_thermo(tmp_path / "neutral" / "T300-r1" / "thermo.csv")["potential_eV"][0]
    assert abs(other - last["potential_eV"]) > 1


def test_what_physics_depends_on_is_in_every_frame_and_what_is_usual_is_not(board, tmp_path):
    atoms = bulk("Cu", cubic=True)
    run_md(job(board, 10), atoms, [300.0], 1, tmp_path / "usual", options=HERE)
    text = (tmp_path / "usual" / "T300-r1" / "trajectory.extxyz").read_text()
    assert not any(name in text for name in ("masses", "charge", "multiplicity", "spin", "magmoms"))
    atoms.set_initial_magnetic_moments([1, 0, 0, 0])
    atoms.info |= {"charge": 1, "multiplicity": 2}
    atoms.pbc = False
    run_md(job(board, 10), atoms, [300.0], 1, tmp_path / "odd", options=HERE)
    for frame in read(tmp_path / "odd" / "T300-r1" / "trajectory.extxyz", ":"):
        assert [frame.info[key] for key in ("charge", "multiplicity", "spin")] == [1, 2, 2]
        assert frame.get_initial_magnetic_moments().tolist() == [1, 0, 0, 0]
        np.testing.assert_allclose(frame.cell, atoms.cell)
        assert not frame.pbc.any()


def test_velocities_that_are_to_be_kept_have_to_be_there(tmp_path):
    atoms, path = bulk("Cu", cubic=True), str(tmp_path / "a.extxyz")
    atoms.write(path)
    with pytest.raises(RunError, match=r"'--keep-velocities': structure .* has none"):
        structure_of(path, keep_velocities=True)
    atoms.set_array("vel", np.ones((4, 3)))
    atoms.write(path)
    with pytest.raises(RunError, match="'vel' may have any unit"):
        structure_of(path, keep_velocities=True)
    del atoms.arrays["vel"]
    for momenta, said in ((0.0, "are zero"), (np.nan, "not a finite number")):
        atoms.arrays["momenta"] = np.full((4, 3), momenta)
        atoms.write(path)
        with pytest.raises(RunError, match=said):
            structure_of(path, keep_velocities=True)
        assert not structure_of(path).has("momenta")
    with pytest.raises(RunError, match="has none"):
        structure_of("box:EC=2", density=0.5, keep_velocities=True)


@pytest.mark.parametrize("mass", [0.0, -1.0, np.nan])
def test_a_mass_that_is_none_is_named_before_anything_moves(board, tmp_path, mass):
    atoms = copper()
    atoms.set_masses([63.5, mass, 63.5, 63.5])
    with pytest.raises(RunError, match=r"the mass of atom 1 \(Cu\) is"):
        run_md(job(board), atoms, [300.0], 1, tmp_path / "out", options=HERE)
    atoms.write(tmp_path / "a.extxyz")
    with pytest.raises(RunError, match=r"a\.extxyz.*the mass of atom 1 \(Cu\) is"):
        structure_of(str(tmp_path / "a.extxyz"))


def test_what_a_model_does_not_know_of_a_structure_is_told(board, tmp_path):
    atoms, path = copper(), str(tmp_path / "a.extxyz")
    atoms.info |= {"total_charge": 1, "spin": 2}
    atoms.set_masses([63.5, 63.5, 63.5, 6350.0])
    atoms.write(path)
    lines = []
    found = structure_of(path, model=board.model("emt"), say=lines.append)
    assert found.info["charge"] == 1
    for said in ("charge of 1 e has no effect", "multiplicity 2 has no effect", "mass of atom 3 (Cu) is 6350 u"):
        assert sum(said in line for line in lines) == 1
    lines.clear()
    structure_of(path, model=board.model("get-mini"), say=lines.append)
    assert not any("charge" in line for line in lines)


def test_a_supercell_has_the_charge_of_its_copies_and_no_known_multiplicity(tmp_path):
    atoms, path = copper(), str(tmp_path / "a.extxyz")
    atoms.info["charge"] = 1
    atoms.write(path)
    assert structure_of(path, supercell=(2, 1, 1)).info["charge"] == 2
    atoms.info["spin"] = 2
    atoms.write(path)
    with pytest.raises(RunError, match="multiplicity 2, and nobody knows that of its copies"):
        structure_of(path, supercell=(2, 1, 1))


def test_disorder_is_refused_as_a_start(tmp_path):
    atoms = copper()
    atoms.set_array("occupancy", np.array([1, 1, 0.5, 1]))
    atoms.write(tmp_path / "a.extxyz")
    with pytest.raises(RunError, match=r"site 2 \(Cu .* occupancy Cu 0\.5"):
        structure_of(str(tmp_path / "a.extxyz"))


def of_crystals():
    """EMT that divides by the volume of the cell, as models of crystals do."""
    from ase.calculators.emt import EMT

    class OfCrystals(EMT):
        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            self.results["energy"] /= 1.0 if self.atoms.cell.rank == 3 else 0.0

    return OfCrystals()


@pytest.mark.parametrize("relax", [0, 10])
def test_a_molecule_for_a_model_that_needs_a_cell_is_refused_in_these_words(board, tmp_path, relax):
    card = board.model("emt").model_copy(update={"loader": f"{__name__}:of_crystals"})
    asked = replace(job(board, relax=relax), model=card)
    with pytest.raises(RunError, match=r"model 'emt' needs a .*cell"):
        run_md(asked, Atoms("Cu2", [[0, 0, 0], [0, 0, 2.4]]), [300.0], 1, tmp_path / "out", options=HERE)


def test_a_potential_that_needs_a_cell_is_told_from_one_that_has_no_answer_at_all():
    from ase.calculators.emt import EMT

    from matdisc.physics.md.trajectory import needs_cell

    class OfCrystals(EMT):
        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            1 / self.atoms.get_volume() if self.atoms.cell.rank == 3 else 1 / 0

    cluster = Atoms("Cu2", [[0, 0, 0], [0, 0, 2.4]])
    assert needs_cell(OfCrystals(), cluster)
    assert not needs_cell(EMT(), Atoms("W2", cluster.positions))
    assert not needs_cell(OfCrystals(), copper())


def test_a_box_of_molecules_is_packed_and_must_be_neutral():
    box = structure_of("box:EC=4,Li=1,PF6=1", density=1.0, seed=1)
    assert len(box) == 4 * 10 + 8
    assert (box.pbc.all(), len(set(box.get_array("molecule")))) == (True, 6)
    double = structure_of("box:EC=4,Li=1,PF6=1", density=1.0, seed=1, supercell=(2, 1, 1))
    assert len(set(double.get_array("molecule"))) == 12
    with pytest.raises(DataError, match=r"neutral|charge"):
        structure_of("box:EC=4,Li=1")


def test_the_command_prints_how_it_went(board, tmp_path):
    from matdisc.cli import app

    copper().write(tmp_path / "cu.extxyz")
    base = ["md", "emt", str(tmp_path / "cu.extxyz"), "--board", str(board.root), "--workers", "0"]
    done = CliRunner().invoke(app, [*base, "--steps", "30", "--timestep", "8", "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "T300-r1" in done.output
    assert "done" in done.output
    assert "warning: a time step of 8 fs is too long" in done.stderr
    for more, said in (
        (["--ensemble", "nvt"], "nose-hoover"),
        (["--temperatures", "warm"], "'--temperatures' is 'warm'"),
        (["--supercell", "2,2"], "three numbers"),
        (["--temperatures", "300,-5"], "positive"),
        (["--temperatures", "300,300"], "twice"),
    ):
        failed = CliRunner().invoke(app, [*base, *more, "--out", str(tmp_path / "other")])
        assert isinstance(failed.exception, RunError)
        assert said in str(failed.exception)
    assert not (tmp_path / "other").exists()


@pytest.mark.ray
def test_workers_write_the_very_bytes_that_this_process_writes(board, ray_session, tmp_path):
    for name, workers in (("here", 0), ("there", 2)):
        run_md(job(board), copper(), [300.0, 400.0], 1, tmp_path / name, options=MDOptions(workers=workers))
    for replica in ("T300-r1", "T400-r1"):
        assert contents(tmp_path / "here" / replica) == contents(tmp_path / "there" / replica)


@pytest.mark.ray
def test_a_worker_that_dies_once_costs_nothing_and_one_that_always_dies_is_named(board, add_toy, ray_session, tmp_path):
    add_toy("dies-once", "misbehaving", how="kill", symbol="Cu", marker=str(tmp_path / "mark"))
    (found,) = run_md(
        job(board, model="dies-once"), copper(), [300.0], 1, tmp_path / "once", options=MDOptions(workers=1)
    )
    assert ((tmp_path / "mark").exists(), found.ended) == (True, "done")
    add_toy("killer", "misbehaving", how="kill", symbol="Cu")
    (found,) = run_md(
        job(board, model="killer"), copper(), [300.0], 1, tmp_path / "never", options=MDOptions(workers=1)
    )
    assert (found.ended, found.steps) == ("died", 0)


@pytest.mark.ray
def test_an_error_in_a_worker_keeps_its_words(board, ray_session, tmp_path):
    atoms = bulk("Cu", cubic=True)
    atoms.positions[0] += [1.7, 1.7, 0]
    with pytest.raises(RunError, match="exploding start"):
        run_md(job(board), atoms, [300.0], 1, tmp_path, options=MDOptions(workers=1))


@pytest.mark.slow
@pytest.mark.ray
def test_a_stopped_run_goes_on_to_the_same_bytes(board, add_toy, tmp_path):
    key = add_toy("slow", "slow_emt", seconds=0.01)
    copper().write(tmp_path / "cu.extxyz")
    command = [sys.executable, "-m", "matdisc", "md", key, str(tmp_path / "cu.extxyz"), "--board", str(board.root)]
    command += ["-n", "2", "-w", "2", "--steps", "400", "--every", "7", "--checkpoint-every", "20"]
    command += ["--thermo-every", "1", "--timestep", "2", "--out"]
    thermo = tmp_path / "stopped" / "T300-r1" / "thermo.csv"
    for number, code, lines in ((signal.SIGINT, 130, 60), (signal.SIGKILL, -9, 200)):
        driver = subprocess.Popen([*command, str(tmp_path / "stopped")], stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 150
        while time.monotonic() < deadline and (not thermo.exists() or thermo.read_bytes().count(b"\n") < lines):
            time.sleep(0.05)
        os.kill(driver.pid, number)
        _, said = driver.communicate(timeout=60)
        assert driver.returncode == code, said
        assert "Traceback" not in said
        assert lines <= thermo.read_bytes().count(b"\n") < 401
    done = subprocess.run(
        [*command, str(tmp_path / "stopped"), "--resume"], capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    run_md(
        job(board, 400, every=7, thermo_every=1, checkpoint_every=20),
        read(tmp_path / "cu.extxyz"), [300.0], 2, tmp_path / "whole", options=HERE,
    )  # fmt: skip
    for replica in ("T300-r1", "T300-r2"):
        assert contents(tmp_path / "stopped" / replica) == contents(tmp_path / "whole" / replica)


def test_a_stop_in_this_process_comes_between_two_parts(board, tmp_path):
    steps = []

    def progress(name, step, wanted, ended):
        steps.append(step)
        if step == 20:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run_md(job(board), copper(), [300.0], 1, tmp_path, options=HERE, progress=progress)
    assert steps[-1] == 20
    assert len(read(tmp_path / "T300-r1" / "trajectory.extxyz", ":")) == 5
    assert Part(3).state == b""


@pytest.mark.slow
def test_a_trained_network_goes_on_to_the_same_bytes(board, tmp_path):
    pytest.importorskip("numba", reason="needs the package numba (matdisc[ml])")
    torch = pytest.importorskip("torch", reason="needs the package torch (matdisc[ml])")
    from matdisc.models.get.files import save
    from matdisc.models.get.reference.potential import GET
    from matdisc.models.get.settings import Settings

    torch.manual_seed(0)
    model = GET(Settings(features=16, heads=4, radial=8, elements=(1, 6, 8), baseline={1: 0.0, 6: 0.0, 8: 0.0}))
    save(tmp_path / "model", model, about={})
    atoms = structure_of("box:EC=6", density=1.0, seed=1)
    card = model_of(str(tmp_path / "model"), board.root)
    c = Conditions(ensemble="langevin", temperature=3000, timestep=1.0)

    def run(steps, out):
        asked = Dynamics(card, c, steps, every=10, thermo_every=1, checkpoint_every=20, watchdog=None)
        return run_md(asked, atoms, [3000.0], 1, tmp_path / out, options=HERE)

    (whole,) = run(200, "whole")
    assert (whole.steps, whole.ended) == (200, "done")
    for steps in (60, 140, 200):  # each in a fresh process's stead: the calculator is loaded again
        run(steps, "parts")
    assert contents(tmp_path / "whole" / "T3000-r1") == contents(tmp_path / "parts" / "T3000-r1")
    moved = np.ptp([f.positions for f in read(tmp_path / "whole" / "T3000-r1" / "trajectory.extxyz", ":")], axis=0)
    assert moved.max() > 1.0  # far enough that lists were searched again


def test_a_folder_of_another_charge_is_not_gone_on_with(board, tmp_path):
    run_md(job(board, 10), copper(), [300.0], 1, tmp_path, options=HERE)
    ion = copper()
    ion.info["charge"] = 1
    with pytest.raises(RunError, match="structure_sha256"):
        run_md(job(board, 20), ion, [300.0], 1, tmp_path, options=HERE)
