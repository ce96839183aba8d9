"""Alignment: units and signs of pressures, and a model whose pressure moves by as much as is demanded."""

import numpy as np
import pytest
from ase import Atoms, units
from water_toys import water

from matdisc.errors import DataError
from matdisc.models.get.files import load, save
from matdisc.models.get.reference.potential import GET
from matdisc.models.get.settings import Settings
from matdisc.models.get.training import pressure
from matdisc.models.get.training.alignment import align, hold
from matdisc.models.get.training.config import AlignConfig

NET = {"features": 16, "heads": 4, "radial": 12, "layers": 2, "elements": (1, 8)}


def box(seed=0, cell=((7.0, 0, 0), (0.6, 6.8, 0), (0, 0.5, 7.1))):
    """Eight waters in a triclinic box."""
    rng = np.random.default_rng(seed)
    places = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1]), axis=-1).reshape(-1, 3) / 2 @ np.array(cell)
    atoms = Atoms("OHH" * 8, np.concatenate([water() + place for place in places]), cell=cell, pbc=True)
    atoms.positions += rng.normal(0, 0.08, atoms.positions.shape)
    atoms.set_array("molecule", np.repeat(np.arange(8), 3))
    return atoms


@pytest.fixture
def folder(tmp_path):
    from ase.io import write

    save(tmp_path / "model", GET(Settings(**NET), seed=3), about={})
    write(tmp_path / "box.xyz", [box(seed) for seed in range(6)], format="extxyz")
    return tmp_path


def config(shift, *, stay=1.0, **run):
    return AlignConfig.model_validate({
        "model": "model",
        "mixtures": [{"name": "water", "frames": ["box.xyz"], "delta_pressure": shift}],
        "stay_forces": stay, "stay_energy": stay, "stay_virial": stay,
        "run": {"epochs": 25, "learning_rate": 1e-2, "validate_every": 5, "dtype": "float64"} | run,
    })  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("shift", [-200.0, 150.0])
def test_alignment_moves_the_pressure_by_the_demanded_amount(folder, shift):
    (found,) = align(config(shift), folder, folder / "out")
    assert found.frames == 2
    assert found.achieved == pytest.approx(shift, rel=0.15)


def test_the_shift_reads_back_from_the_saved_model_in_units_of_our_own(folder):
    """One frame, a large rate: the virial between molecules, in eV/Å^3, has moved by dP."""
    from ase.io import read, write

    write(folder / "box.xyz", box(), format="extxyz")
    align(config(-300.0, stay=0.0, epochs=40, learning_rate=2e-2), folder, folder / "out")
    atoms = read(folder / "box.xyz")
    models = [load(place) for place in (folder / "model", folder / "out" / "model")]
    before, after = (float(m.answer(m.graph([atoms]), between=True).network_virial_between) for m in models)
    shift = (after - before) / (3 * atoms.get_volume())
    assert shift / (1e6 * units.Pascal) == pytest.approx(-300, rel=0.05)


def test_charges_do_not_move(folder):
    align(config(100.0, epochs=3), folder, folder / "out")
    before, after = (load(place) for place in (folder / "model", folder / "out" / "model"))
    graph = before.graph([box()])
    assert np.array_equal(before.answer(graph).charges.numpy(), after.answer(graph).charges.numpy())


def test_frames_without_molecules_or_box_are_refused():
    model = GET(Settings(**NET))
    bare = box()
    del bare.arrays["molecule"]
    with pytest.raises(DataError, match="molecule"):
        hold(model, bare, "water", 1.0)
    free = box()
    free.pbc = False
    with pytest.raises(DataError, match="periodic"):
        hold(model, free, "water", 1.0)


def test_the_volume_is_the_determinant():
    atoms = box(cell=((7.0, 0, 0), (3.0, 6.0, 0), (1.0, 2.0, 8.0)))
    assert hold(GET(Settings(**NET)), atoms, "water", 1.0).volume == pytest.approx(7 * 6 * 8)


def test_units_of_pressure_are_those_of_ase_and_of_codata():
    assert pressure.from_mpa(1.0) == pytest.approx(1e6 * units.Pascal, rel=1e-6)
    assert pressure.to_mpa(pressure.from_mpa(-202.65)) == pytest.approx(-202.65)
    kcal = units.kcal / units.mol
    assert pressure.to_mpa(kcal) / 0.101325 == pytest.approx(68568.42, rel=1e-5)  # kcal/mol/Å^3 in atm


def test_a_liquid_simulated_too_light_needs_a_negative_shift():
    """1 % too light with 0.5 per GPa: -20 MPa."""
    assert pressure.shift_for_density(0.99, 1.0, 0.5e-3) == pytest.approx(-20.2, abs=0.01)
    assert pressure.shift_for_density(1.01, 1.0, 0.5e-3) > 0
    with pytest.raises(DataError, match="compressibility"):
        pressure.shift_for_density(1.0, 1.0, 0.0)


def test_compressibility_of_a_known_equation_of_state():
    """V = 1000 exp(-0.0005 P/MPa)."""
    volumes = tuple(1000 * np.exp(-5e-4 * p) for p in (0.0, 100.0))
    assert pressure.compressibility_of_two(volumes, (0.0, 100.0)) == pytest.approx(5e-4)
    with pytest.raises(DataError, match="two unlike"):
        pressure.compressibility_of_two(volumes, (1.0, 1.0))


def test_compressibility_from_fluctuations_of_known_variance():
    """kappa = var(V)/(kT <V>): a variance of 25.85 Å^6 at kT = 25.85 meV and 1000 Å^3 is 1 Å^3/eV."""
    kappa = 1.0 / pressure.MEGAPASCALS
    variance = 1.0 * pressure.BOLTZMANN * 300 * 1000
    volumes = 1000 + np.sqrt(variance) * np.random.default_rng(0).standard_normal(200_000)
    assert pressure.compressibility_of_fluctuations(volumes, 300) == pytest.approx(kappa, rel=0.02)
