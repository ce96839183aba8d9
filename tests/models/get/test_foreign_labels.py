"""Labels of others: used where they mean something, in the units they should have, and named where they are not."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from hypothesis import given, settings
from hypothesis import strategies as st
from water_toys import toy_frames

from matdisc.errors import DataError
from matdisc.models.get.frames import from_atoms
from matdisc.models.get.inputs import total_charge
from matdisc.models.get.training.accuracy import refuse_other_units
from matdisc.models.get.training.samples import read_data

HEAD = "Properties=species:S:1:pos:R:3:forces:R:3"


def said(structures, source="mine.xyz"):
    """Frames, and what is told of them."""
    lines = []
    return from_atoms(structures, source, lines.append), lines


def dimer(pbc=False, cell=(0, 0, 0), forces=0.0, **fields):
    atoms = Atoms("H2", [[0, 0, 0], [0, 0, 0.7]], cell=cell, pbc=pbc)
    atoms.info |= {"energy": -1.0, **fields}
    atoms.set_array("forces", np.array([[0, 0, -forces], [0, 0, forces]]))
    return atoms


def crystals(n=12, seed=0):
    """Copper, strained and rattled, with EMT's labels; two trajectories."""
    rng = np.random.default_rng(seed)
    made = []
    for i in range(n):
        atoms = bulk("Cu", cubic=True)
        strain = rng.uniform(-0.02, 0.02, (3, 3)) + np.eye(3) * rng.uniform(-0.03, 0.03)
        atoms.set_cell(atoms.cell @ (np.eye(3) + (strain + strain.T) / 2), scale_atoms=True)
        atoms.positions += rng.normal(0, 0.05, (4, 3))
        atoms.calc = EMT()
        stress, forces, energy = atoms.get_stress(), atoms.get_forces(), atoms.get_potential_energy()
        atoms.info["trajectory"] = i // (n // 2)
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces, stress=stress)
        made.append(atoms)
    return made


@pytest.mark.parametrize(
    ("pbc", "cell"), [(False, (0, 0, 0)), (False, (5, 5, 5)), ((True, True, False), (5, 5, 5)), (True, (5, 5, 0))]
)
def test_a_stress_counts_only_where_a_periodic_box_has_a_volume(pbc, cell):
    frames, lines = said([dimer(pbc, cell, stress=np.zeros(6))] * 3)
    assert np.isnan(frames.virial).all()
    assert lines == [
        "mine.xyz: the stress of a structure that is not periodic in all three directions is left out (3 structures)"
    ]


def test_the_virial_of_a_molecule_counts_if_it_is_that_of_its_forces():
    """0.7 Å times 2 eV/Å, along z."""
    right = np.diag([0, 0, 1.4])
    frames, lines = said([dimer(forces=2.0, virial=right), dimer(forces=2.0, virials=np.zeros((3, 3)))])
    np.testing.assert_allclose(frames.virial[0], right)
    assert np.isnan(frames.virial[1]).all()
    assert "virials of a structure that is not periodic" in lines[0]


@pytest.mark.parametrize("key", ["virial", "virials"])
def test_virials_are_minus_the_stress_times_the_volume_under_both_names(key):
    (atoms,) = crystals(2)[:1]
    stress = atoms.get_stress(voigt=False)
    expected = from_atoms([atoms]).virial
    bare = atoms.copy()
    bare.info |= {"energy": 0.0, key: -stress * atoms.get_volume()}
    bare.set_array("forces", np.zeros((4, 3)))
    np.testing.assert_allclose(from_atoms([bare]).virial, expected)
    bare.info["stress"] = stress
    np.testing.assert_allclose(from_atoms([bare]).virial, expected)
    bare.info["stress"] = -stress
    with pytest.raises(DataError, match=f"'{key}' and 'stress' contradict each other"):
        from_atoms([bare])


def test_a_stress_that_is_exactly_zero_beside_forces_is_no_label():
    atoms = crystals(2)[0]
    atoms.calc.results["stress"] = np.zeros(6)
    frames, lines = said([atoms])
    assert np.isnan(frames.virial).all()
    assert "exactly zero" in lines[0]
    at_rest = dimer(True, (5, 5, 5), stress=np.zeros(6))
    assert not said([at_rest])[0].virial.any()


def test_a_periodic_structure_has_no_dipole():
    frames, lines = said([dimer(True, (5, 5, 5), dipole=[0, 0, 1.0])])
    assert np.isnan(frames.dipole).all()
    assert "dipole" in lines[0]
    np.testing.assert_array_equal(said([dimer(dipole=[0, 0, 1.0])])[0].dipole, [[0, 0, 1]])


def test_fields_that_nobody_reads_are_named_once_and_words_of_a_comment_are_not():
    structures = [dimer(REF_energy=-2.0, made=True, step=3), dimer(REF_energy=-2.0, dft_stress=1.0)]
    _, lines = said(structures)
    assert lines == ["mine.xyz: fields that are not read: REF_energy, dft_stress"]


def test_a_missing_label_names_what_stands_there_instead():
    atoms = Atoms("H", info={"REF_energy": -1.0})
    atoms.set_array("REF_forces", np.zeros((1, 3)))
    with pytest.raises(
        DataError, match=r"frame 0 has no energy and no forces; rename 'REF_energy' to 'energy' and 'REF_forces' to"
    ):
        from_atoms([atoms], "mine.xyz")
    free = dimer(free_energy=-1.0)
    del free.info["energy"]
    with pytest.raises(DataError, match="frame 0 has no energy; rename 'free_energy' to 'energy'"):
        from_atoms([free])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("trajectory", "run-0"), ("trajectory", 1.5), ("charge", "neutral"), ("energy", "low"), ("dipole", 1.0),
        ("charges", [1, 2, 3]), ("stress", "zero"), ("virials", [1, 2]), ("spin", "singlet"),
    ],
)  # fmt: skip
def test_a_field_of_a_wrong_kind_is_named_with_file_frame_and_value(field, value):
    with pytest.raises(DataError, match=rf"mine\.xyz: frame 1: field '{field}' is") as caught:
        said([dimer(), dimer(True, (5, 5, 5), **{field: value})])
    assert str(value) in str(caught.value)


def test_disorder_is_refused_with_the_frame():
    with pytest.raises(DataError, match=r"mine\.xyz: frame 1: site 0 .* occupancy H 0\.5"):
        said([dimer(), dimer(occupancy=[0.5, 1.0])])


def test_a_total_charge_reaches_the_frames_under_the_names_of_others():
    ion = dimer(total_charge=-1)
    assert said([ion])[0].total_charge.tolist() == [-1]
    assert total_charge(ion) == -1
    _, lines = said([dimer(spin=3)])
    assert "the multiplicity 3 has no effect" in lines[0]


UNITS = [
    ("the stress is in GPa;", {"stress": 160.2177}),
    ("the stress is in GPa and has the other sign", {"stress": -160.2177}),
    ("the stress is in kbar;", {"stress": 1602.177}),
    ("kbar and has the other sign, as VASP", {"stress": -1602.177}),
    ("the stress or virial has the other sign", {"stress": -1}),
    ("the energies are in Hartree;", {"energy": 1 / 27.2114}),
    ("the energies are in kcal/mol", {"energy": 23.0605}),
    ("the energies are in meV", {"energy": 1000}),
    ("the energies are per atom", {"energy": 0.25}),
    ("the forces have the other sign", {"forces": -1}),
    ("the forces are in kcal/mol/Å", {"forces": 23.0605}),
]


@pytest.mark.parametrize(("named", "factors"), UNITS)
def test_labels_of_another_unit_or_sign_do_not_fit_together_and_the_unit_is_named(tmp_path, named, factors):
    made = crystals()
    for atoms in made:
        for name, factor in factors.items():
            atoms.calc.results[name] = factor * np.asarray(atoms.calc.results[name])
    write(tmp_path / "a.extxyz", made)
    with pytest.raises(DataError, match=rf"a\.extxyz: .*{named}"):
        read_data([tmp_path / "a.extxyz"])


@pytest.mark.parametrize("seed", range(3))
def test_labels_of_the_right_units_pass(tmp_path, seed):
    write(tmp_path / "a.extxyz", crystals(seed=seed))
    lines = []
    assert len(read_data([tmp_path / "a.extxyz"], lines.append)) == 12
    assert not lines
    for rattle in (0.05, 0.2, 0.4):
        refuse_other_units(toy_frames(40, seed=seed, rattle=rattle), "toys")


def test_labels_that_fit_no_unit_at_all_are_left_to_their_owner():
    frames = toy_frames(40)
    rng = np.random.default_rng(0)
    frames.forces[:] = rng.normal(size=frames.forces.shape)
    refuse_other_units(frames, "toys")


def test_a_virial_that_no_matter_holds_is_named_even_in_a_single_frame():
    """10 GPa read as 10 eV/Å^3, times the 12.5 Å^3 of an atom."""
    atoms = bulk("Cu", cubic=True, a=50 ** (1 / 3))
    stress = np.array([10.0, 0, 0, 0, 0, 0])
    atoms.calc = SinglePointCalculator(atoms, energy=0.0, forces=np.zeros((4, 3)), stress=stress)
    with pytest.raises(DataError, match="frame 0: stress times volume is 125 eV/atom"):
        refuse_other_units(from_atoms([atoms]), "mine.xyz")


ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4), st.lists(st.floats(), max_size=9),
    st.lists(st.lists(st.floats(), min_size=3, max_size=3), max_size=3),
)  # fmt: skip
NAMES = ["energy", "forces", "stress", "virial", "virials", "dipole", "charges", "trajectory", "system", "charge"]


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=5), st.booleans())
def test_rubbish_as_labels_is_refused_or_read_but_is_no_traceback(fields, pbc):
    atoms = dimer(pbc, (5, 5, 5))
    atoms.info |= fields
    if "forces" in fields:
        del atoms.arrays["forces"]
    reason = None
    try:
        said([atoms])
    except DataError as err:
        reason = str(err)
    assert reason is None or reason.startswith("mine.xyz: frame 0")
