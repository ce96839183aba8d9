"""Properties from the files of `matdisc md`: written here as that command writes them."""

import csv
import json

import numpy as np
import pytest
from ase import Atoms
from typer.testing import CliRunner

from matdisc.cli.electrolytes import app
from matdisc.errors import RunError
from matdisc.physics.md import Frame, State
from matdisc.physics.molecules.species import species
from matdisc.run.md.format import HEADER, frame_text, thermo_line
from matdisc.run.md.liquids import analyse, molecules

EDGE, FRAMES, EVERY = 30.0, 100, 20


def _folder(path, *, ensemble="npt", replicas=3, stop=None, temperatures=(313.15,), **other):
    """A finished simulation of ten molecules of EC that wander as wholes, at 1.2 g/cm^3."""
    body = species("EC")
    start = np.concatenate([body.positions + np.array([6.0 * i, 0, 0]) for i in range(10)])
    atoms = Atoms(body.symbols * 10, start, cell=[EDGE] * 3, pbc=True)
    settings = {"ensemble": ensemble, "temperatures": temperatures, "replicas": 3, "timestep": 1.0, "every": EVERY,
                "thermo_every": EVERY}  # fmt: skip
    path.mkdir()
    (path / "md.json").write_text(json.dumps(settings | other))
    for r in range(replicas):
        rng = np.random.default_rng(r)
        walks = np.cumsum(rng.normal(0, np.sqrt(2 * 5e-4 * EVERY), (FRAMES, 10, 3)), axis=0)
        folder = path / f"T313.15-r{r + 1}"
        folder.mkdir()
        mass = EDGE**3 * 1.2 / 1.66053906660
        thermo, text = HEADER, ""
        for i in range(FRAMES):
            positions = start + np.repeat(walks[i], 10, axis=0)
            volume = EDGE**3 * (1 + 0.01 * rng.normal())
            frame = Frame(i * EVERY, i * EVERY * 1.0, positions, positions * 0, atoms.cell.array, -1.0, 1.0, 313.0, 0.0,
                          rng.normal(0, 1e-3, (3, 3)), volume)  # fmt: skip
            thermo += thermo_line(frame, mass)
            text += frame_text(frame, atoms, atoms.get_chemical_symbols(), velocities=False)
        (folder / "thermo.csv").write_text(thermo)
        (folder / "trajectory.extxyz").write_text(text)
        zero = np.zeros((100, 3))
        state = State(ensemble, FRAMES * EVERY, zero, zero, atoms.cell.array, zero, 0.0, None, zero[:2], zero[:2])
        (folder / "checkpoint.npz").write_bytes(state.to_bytes(lengths={}, seconds=1.0, stop=stop))
    return path


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("md")
    return _folder(folder / "npt"), _folder(folder / "nvt", ensemble="nose-hoover")


def test_density_and_diffusion_are_read_off_finished_runs(runs):
    liquid = analyse(runs)
    assert liquid.found["density"].value == pytest.approx(1.2, abs=0.003)
    diffusion = liquid.found["diffusion_EC"]
    assert abs(diffusion.value - 0.9 * 5e-9) < 5 * diffusion.error  # 5e-4 Å^2/fs, less what ten share in their centre
    assert diffusion.error < 3e-9
    assert liquid.found["viscosity"].reason == "too short"
    assert liquid.simulated_ps == pytest.approx(2 * (FRAMES - 1) * EVERY / 1000 * 2 / 3)
    assert liquid.stops == ()


def test_a_run_at_constant_pressure_alone_tells_the_density(runs):
    assert set(analyse(runs[:1]).found) == {"density"}


def test_a_replica_that_broke_leaves_no_properties(tmp_path):
    stop = {"reason": "bond", "time_fs": 12.0, "detail": "C1-O2 is 2.1 times as long"}
    liquid = analyse([_folder(tmp_path / "npt", stop=stop)])
    assert liquid.found == {}
    assert len(liquid.stops) == 3
    assert "bond at 12 fs" in liquid.stops[0]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"ensemble": "langevin"}, "changes how molecules move"),
        ({"temperatures": (300.0, 350.0)}, "2 temperatures"),
        ({"replicas": 2}, "2 of 3 replicas"),
    ],
)
def test_runs_that_tell_something_else_are_refused(tmp_path, options, says):
    folder = _folder(tmp_path / "run", **options)
    with pytest.raises(RunError, match=says):
        analyse([folder])


def test_a_folder_without_a_simulation_is_refused(tmp_path):
    with pytest.raises(RunError, match="holds no simulation"):
        analyse([tmp_path])


def test_molecules_are_known_by_the_order_of_their_atoms():
    symbols = [s for name in ("Li+", "PF6-", "EC", "EMC", "EC") for s in species(name).symbols]
    names, ids = molecules(symbols, "box")
    assert names == ("Li+", "PF6-", "EC", "EMC", "EC")
    assert np.bincount(ids).tolist() == [1, 7, 10, 15, 10]
    with pytest.raises(RunError, match=r"box: atom 2 \(Xe\) begins no known molecule"):
        molecules(["Li", "Xe"], "box")


def test_the_command_writes_what_it_found_as_predictions(runs, tmp_path):
    out = tmp_path / "found.csv"
    done = CliRunner().invoke(app, ["analyse", f"EC={runs[0]}", f"EC={runs[1]}", "--out", str(out), "--aligned", "EC"])
    assert done.exit_code == 0, done.output
    assert "too short" in done.output
    (row,) = csv.DictReader(out.open())
    assert float(row["density"]) == pytest.approx(1.2, abs=0.003)
    assert float(row["density_error"]) > 0
    assert (row["aligned"], row["completed"], row["viscosity"]) == ("1.0", "1.0", "")


@pytest.mark.parametrize(("arguments", "says"), [(["EC"], "as in EC="), (["EC=x", "--aligned", "PC"], "names PC")])
def test_arguments_that_make_no_sense_are_refused(tmp_path, arguments, says):
    done = CliRunner().invoke(app, ["analyse", *arguments, "--out", str(tmp_path / "x.csv")])
    assert isinstance(done.exception, RunError)
    assert says in str(done.exception)
