"""A data set of one's own from labelled structures: what is found, what follows, and what is refused."""

import gzip
import json
import tomllib

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from hypothesis import given
from hypothesis import strategies as st

from matdisc.board import Board
from matdisc.datasets import load
from matdisc.datasets.corrections import energy_misfit
from matdisc.datasets.new import NewOptions, make
from matdisc.datasets.new.hull import hull_distances
from matdisc.datasets.new.names import meaning
from matdisc.datasets.new.toml import toml
from matdisc.datasets.verify import verify
from matdisc.errors import CardError, DataError
from matdisc.physics.formation import formation_energy_per_atom
from matdisc.units import GIGAPASCALS, HARTREE

METALS = ("Cu", "Au", "Ag")


def crystals():
    """The elements and Cu3Au, Cu3Ag, Ag3Au."""
    pure = {el: bulk(el) for el in METALS}
    for most, least in (("Cu", "Au"), ("Cu", "Ag"), ("Ag", "Au")):
        edge = (bulk(most, cubic=True).cell[0, 0] + bulk(least, cubic=True).cell[0, 0]) / 2
        atoms = bulk(most, "fcc", a=edge, cubic=True)
        atoms.symbols[0] = least
        pure[f"{most}3{least}"] = atoms
    return pure


def labelled(atoms, **results):
    """A copy with results as a calculator has them, by default those of EMT."""
    atoms = atoms.copy()
    if not results:
        atoms.calc = EMT()
        results = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces(), "stress": atoms.get_stress()}
    atoms.calc = SinglePointCalculator(atoms, **results)
    return atoms


def six():
    found = []
    for name, atoms in crystals().items():
        found.append(labelled(atoms))
        found[-1].info["material_id"] = name
    return found


@pytest.fixture
def board(tmp_path):
    for name in ("models", "datasets"):
        (tmp_path / "board" / name).mkdir(parents=True)
    return Board(tmp_path / "board")


def new(board, tmp_path, images, said=None, key="mine", name="frames.extxyz", **options):
    """Make a data set from ASE's atoms, and return its card."""
    path = tmp_path / name
    write(path, images)
    return make(board, key, [path], NewOptions(**options), said.append if said is not None else lambda text: None)


def from_table(board, tmp_path, header, *rows, name="labels.csv", **options):
    """Make a data set of rock salts with a table of labels, a row for each of NaCl, KCl, LiF ..."""
    salts = [("NaCl", 5.6), ("KCl", 6.3), ("LiF", 4.0), ("MgO", 4.2)][: len(rows)]
    images = []
    for formula, a in salts:
        images.append(bulk(formula, "rocksalt", a=a))
        images[-1].info["material_id"] = formula
    lines = [
        ",".join(["material_id", *header]),
        *(",".join([f, *map(str, row)]) for (f, _), row in zip(salts, rows, strict=True)),
    ]
    (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return new(board, tmp_path, images, labels=tmp_path / name, **options)


def test_six_crystals_become_a_data_set_that_verifies(board, tmp_path):
    said = []
    card = new(board, tmp_path, six(), said, own_hull=True, relaxed=True)
    assert card == board.dataset("mine")
    assert card.tasks == ("discovery", "relaxation", "static")
    assert card.energy_scale == "own"
    assert all(check.ok for check in verify(board, "mine"))
    assert "total energies: 'energy' in eV per cell, 6 of 6 structures" in said
    assert "references: the lowest elements of the set itself" in said


def test_labels_and_results_are_those_of_the_file(board, tmp_path):
    new(board, tmp_path, six(), own_hull=True)
    samples = {s.material_id: s for s in load(board, "mine").samples}
    images = {atoms.info["material_id"]: atoms for atoms in six()}
    alloy = images["Cu3Au"]
    assert samples["Cu3Au"].target["energy"] == pytest.approx(alloy.get_potential_energy(), abs=1e-9)
    assert samples["Cu3Au"].arrays["stress"] == pytest.approx(alloy.get_stress(), abs=1e-9)
    assert np.allclose(np.reshape(samples["Cu3Au"].arrays["forces"], (4, 3)), alloy.get_forces(), atol=1e-7)
    per_atom = {el: images[el].get_potential_energy() for el in METALS}
    expected = (alloy.get_potential_energy() - 3 * per_atom["Cu"] - per_atom["Au"]) / 4
    assert samples["Cu3Au"].target["e_form_per_atom"] == pytest.approx(expected, abs=1e-7)
    assert samples["Cu"].target["e_above_hull"] == 0
    assert set(load(board, "mine").reference_crystals) == set(METALS)


def test_no_label_is_among_what_a_model_sees(board, tmp_path):
    new(board, tmp_path, six(), own_hull=True)
    sample = load(board, "mine").samples[0].without_target()
    assert (sample.target, sample.arrays) == ({}, {})
    assert set(sample.inputs) == {"crystal", "compound"}


def test_the_same_files_give_the_same_bytes(board, tmp_path):
    new(board, tmp_path, six(), own_hull=True)
    first = {path.name: path.read_bytes() for path in (board.datasets_dir / "mine").iterdir()}
    new(board, tmp_path, six(), own_hull=True, replace=True)
    assert {path.name: path.read_bytes() for path in (board.datasets_dir / "mine").iterdir()} == first


def test_a_folder_that_is_there_is_replaced_on_request_only(board, tmp_path):
    new(board, tmp_path, six())
    with pytest.raises(DataError, match=r"mine: is there already; .*--replace"):
        new(board, tmp_path, six())
    assert new(board, tmp_path, six()[:5], replace=True).n_samples == 5


def test_an_own_hull_says_how_many_have_no_competitor(board, tmp_path):
    card = new(board, tmp_path, six(), own_hull=True)
    assert "6 of 6 materials compete with the elements alone" in " ".join(card.notes)
    images = six()
    images.append(labelled(bulk("CuAu", "zincblende", a=5.5)))
    images[-1].info["material_id"] = "CuAu"
    card = new(board, tmp_path, images, own_hull=True, replace=True)
    assert "5 of 7 materials compete with the elements alone" in " ".join(card.notes)


def test_what_fails_leaves_nothing(board, tmp_path):
    with pytest.raises(CardError, match="title"):
        new(board, tmp_path, six(), title='no "quotes" here')
    assert list(board.datasets_dir.iterdir()) == []
    assert sorted(path.name for path in board.root.iterdir()) == ["datasets", "models"]


def test_what_fails_leaves_the_old_folder(board, tmp_path):
    new(board, tmp_path, six())
    with pytest.raises(CardError):
        new(board, tmp_path, six(), title='no "quotes" here', replace=True)
    assert all(check.ok for check in verify(board, "mine"))


def test_a_key_is_checked_before_anything_is_read(board, tmp_path):
    with pytest.raises(CardError, match=r"'My Set' cannot be the key"):
        make(board, "My Set", [tmp_path / "nothing.extxyz"], NewOptions(), print)


def test_ids_that_look_like_numbers_stay_as_they_are(board, tmp_path):
    images = six()
    for name, atoms in zip(("007", "1e5", "12.50", "0x1F", "1_000", "-3"), images, strict=True):
        atoms.info["material_id"] = name
    path = tmp_path / "frames.extxyz"
    write(path, images)
    make(board, "mine", [path], NewOptions(), print)
    assert [s.material_id for s in load(board, "mine").samples] == ["007", "1e5", "12.50", "0x1F", "1_000", "-3"]


def test_without_formation_energies_there_is_no_discovery(board, tmp_path):
    images = [labelled(atoms, energy=-15.0) for atoms in six() if len(atoms) == 4]
    with pytest.raises(DataError, match=r"no task can be asked: give formation energies .*--references"):
        new(board, tmp_path, images)
    assert new(board, tmp_path, images, relaxed=True).tasks == ("relaxation",)


def test_static_is_asked_where_there_are_energies_and_forces(board, tmp_path):
    assert new(board, tmp_path, six()).tasks == ("discovery", "static")


# hull distances and references


def entries_file(tmp_path, *phases, corrections=()):
    """A file of pymatgen entries: formula and energy, eV per formula."""
    from pymatgen.entries.computed_entries import ComputedEntry

    entries = [ComputedEntry(formula, energy) for formula, energy in phases]
    for entry, value in zip(entries, corrections, strict=False):
        entry.correction = value
    path = tmp_path / "entries.json.gz"
    path.write_bytes(gzip.compress(json.dumps([entry.as_dict() for entry in entries]).encode()))
    return path


def test_hull_distances_equal_those_of_pymatgen():
    from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram

    generator = np.random.default_rng(0)
    formulas = [{"Li": 1}, {"O": 1}, {"Fe": 1}, {"Li": 2, "O": 1}, {"Fe": 2, "O": 3}, {"Li": 1, "Fe": 1, "O": 2}]
    formulas += [{"Li": 1, "Fe": 5, "O": 8}, {"Fe": 1, "O": 1}, {"Li": 1, "Fe": 1, "O": 2}]
    phases = [(f, 0.0 if len(f) == 1 else float(-generator.uniform(0.2, 2))) for f in formulas]
    known = [PDEntry("".join(f"{el}{n}" for el, n in f.items()), e * sum(f.values())) for f, e in phases]
    diagram = PhaseDiagram(known)
    assert hull_distances(phases, phases) == pytest.approx([diagram.get_e_above_hull(e) for e in known], abs=1e-9)


def test_a_material_below_a_hull_that_lacks_it_has_a_negative_distance():
    hull = [({"Cu": 1}, 0.0), ({"Au": 1}, 0.0), ({"Cu": 1, "Au": 1}, -0.1)]
    assert hull_distances([({"Cu": 1, "Au": 1}, -0.3)], hull) == pytest.approx([-0.2])
    assert hull_distances([({"Cu": 3, "Au": 1}, 0.0)], hull) == pytest.approx([0.05])


def test_a_given_hull_gives_references_and_distances(board, tmp_path):
    hull = entries_file(tmp_path, ("Cu", -4.0), ("Au", -3.0), ("CuAu", -7.2))
    atoms = labelled(crystals()["Cu3Au"], energy=-15.0)
    card = new(board, tmp_path, [atoms], hull=hull, energy_scale="pbe_raw")
    (sample,) = load(board, "mine").samples
    assert sample.target["e_form_per_atom"] == pytest.approx(0.0)
    assert sample.target["e_above_hull"] == pytest.approx(0.05)  # halfway to CuAu at -0.1 eV/atom
    assert load(board, "mine").references == {"Au": -3.0, "Cu": -4.0}
    assert "entries.json.gz" in card.notes[0]


def test_references_without_a_scale_are_refused(board, tmp_path):
    hull = entries_file(tmp_path, ("Cu", -4.0), ("Au", -3.0))
    atoms = labelled(crystals()["Cu3Au"], energy=-15.0)
    with pytest.raises(DataError, match=r"need --energy-scale: pbe_raw"):
        new(board, tmp_path, [atoms], references=hull)


def test_an_element_without_reference_is_named(board, tmp_path):
    hull = entries_file(tmp_path, ("Cu", -4.0))
    atoms = labelled(crystals()["Cu3Au"], energy=-15.0)
    with pytest.raises(DataError, match=r"entries.json.gz: no energy of Au"):
        new(board, tmp_path, [atoms], references=hull, energy_scale="own")


def test_a_hull_with_corrections_does_not_fit_raw_labels(board, tmp_path):
    hull = entries_file(tmp_path, ("Cu", -4.0), ("Au", -3.0), ("CuAu", -7.2), corrections=(0, 0, -0.5))
    atoms = labelled(crystals()["Cu3Au"], energy=-15.0)
    with pytest.raises(DataError, match=r"1 of 3 entries hold corrections"):
        new(board, tmp_path, [atoms], hull=hull, energy_scale="pbe_raw")


# MP2020 corrections

REFERENCES = "element,energy_per_atom\nTi,-7.9\nO,-4.95\nFe,-8.47\nCu,-4.1\nAu,-3.27\n"


def oxides():
    """Rutile TiO2 and rock-salt FeO, with total energies that PBE(+U) would give within 0.5 eV."""
    oxygen = [[0.305, 0.305, 0], [0.695, 0.695, 0], [0.195, 0.805, 0.5], [0.805, 0.195, 0.5]]
    positions = [[0, 0, 0], [0.5, 0.5, 0.5], *oxygen]
    rutile = Atoms("Ti2O4", cell=[4.6, 4.6, 2.96], scaled_positions=positions, pbc=True)
    found = [labelled(rutile, energy=-53.2), labelled(bulk("FeO", "rocksalt", a=4.3), energy=-13.0)]
    for atoms, name in zip(found, ("rutile", "wustite"), strict=True):
        atoms.info["material_id"] = name
    return found


def pymatgen_correction(atoms, u):
    from pymatgen.entries.compatibility import MaterialsProject2020Compatibility
    from pymatgen.entries.computed_entries import ComputedStructureEntry
    from pymatgen.io.ase import AseAtomsAdaptor

    parameters = {"run_type": "GGA+U" if u else "GGA", "hubbards": u, "software": "none"}
    entry = ComputedStructureEntry(AseAtomsAdaptor.get_structure(atoms), 0.0, parameters=parameters)
    return MaterialsProject2020Compatibility(check_potcar=False).process_entry(entry).correction


def test_corrections_equal_those_of_pymatgen(board, tmp_path):
    (tmp_path / "refs.csv").write_text(REFERENCES, encoding="utf-8")
    card = new(board, tmp_path, oxides(), references=tmp_path / "refs.csv", corrections="mp2020")
    assert card.energy_scale == "mp2020_corrected"
    found = load(board, "mine").corrections
    rutile, wustite = oxides()
    assert found["rutile"] == pytest.approx(pymatgen_correction(rutile, {}), abs=1e-6)
    assert found["wustite"] == pytest.approx(pymatgen_correction(wustite, {"Fe": 5.3}), abs=1e-6)
    assert found["rutile"] < -2  # -0.687 eV for each oxygen


def test_raw_and_corrected_potentials_are_both_right(board, tmp_path):
    (tmp_path / "refs.csv").write_text(REFERENCES, encoding="utf-8")
    card = new(board, tmp_path, oxides(), references=tmp_path / "refs.csv", corrections="mp2020")
    dataset = load(board, "mine")
    from matdisc.board import shipped_board

    for key in ("sevennet-0", "chgnet-0.3.0"):
        assert energy_misfit(Board(shipped_board()).model(key), card, dataset) is None
    for sample, atoms in zip(dataset.samples, oxides(), strict=True):
        raw = formation_energy_per_atom(
            atoms.get_potential_energy(),
            sample.crystal.composition,
            dataset.references.__getitem__,
            dataset.corrections[sample.material_id],
        )
        assert sample.target["e_form_per_atom"] == pytest.approx(raw, abs=1e-6)


def test_formation_energies_that_hold_corrections_are_not_taken_for_raw_ones(board, tmp_path):
    (tmp_path / "refs.csv").write_text(REFERENCES, encoding="utf-8")
    images = oxides()
    for atoms in images:
        total = atoms.get_potential_energy() + (-2.748 if len(atoms) == 6 else -2.9)
        refs = {"Ti": -7.9, "O": -4.95, "Fe": -8.47}
        atoms.info["formation_energy_per_atom"] = (total - sum(refs[el] for el in atoms.symbols)) / len(atoms)
    with pytest.raises(DataError, match=r"'rutile' has the formation energy .* say --corrections mp2020"):
        new(board, tmp_path, images, references=tmp_path / "refs.csv", energy_scale="pbe_raw")
    new(board, tmp_path, images, references=tmp_path / "refs.csv", corrections="mp2020")
    assert load(board, "mine").corrections["rutile"] == pytest.approx(-2.748, abs=0.02)


def test_a_label_keeps_its_own_correction_where_pymatgen_computes_another(board, tmp_path):
    (tmp_path / "refs.csv").write_text(REFERENCES, encoding="utf-8")
    images, said = oxides()[:1], []
    images[0].info["formation_energy_per_atom"] = (-53.2 - 1.5 + 2 * 7.9 + 4 * 4.95) / 6
    new(board, tmp_path, images, said, references=tmp_path / "refs.csv", corrections="mp2020")
    assert load(board, "mine").corrections["rutile"] == pytest.approx(-1.5, abs=1e-6)
    assert any(text.startswith("1 formation energies hold another correction") for text in said)


def test_corrections_that_entries_bring_along_are_kept(board, tmp_path):
    from pymatgen.entries.computed_entries import ComputedStructureEntry
    from pymatgen.io.ase import AseAtomsAdaptor

    (tmp_path / "refs.csv").write_text(REFERENCES, encoding="utf-8")
    rutile = oxides()[0]
    rutile.calc = None
    entry = ComputedStructureEntry(AseAtomsAdaptor.get_structure(rutile), -53.2, correction=-3.0, entry_id="rutile")
    path = tmp_path / "entries.json"
    path.write_text(json.dumps([entry.as_dict()]), encoding="utf-8")
    said = []
    options = NewOptions(references=tmp_path / "refs.csv", corrections="mp2020")
    make(board, "mine", [path], options, said.append)
    assert load(board, "mine").corrections == {"rutile": -3.0}
    expected = (-53.2 - 3.0 + 2 * 7.9 + 4 * 4.95) / 6
    assert load(board, "mine").samples[0].target["e_form_per_atom"] == pytest.approx(expected, abs=1e-6)
    raw = NewOptions(references=tmp_path / "refs.csv", energy_scale="pbe_raw")
    make(board, "raw", [path], raw, said.append)
    assert load(board, "raw").samples[0].target["e_form_per_atom"] == pytest.approx(expected + 0.5, abs=1e-6)
    assert any(text.startswith("1 entries hold corrections, and energies are taken without") for text in said)


def test_references_that_the_labels_were_not_made_with_are_refused(board, tmp_path):
    (tmp_path / "refs.csv").write_text("element,energy_per_atom\nCu,-4\nAu,-3\nAg,-2.7\n", encoding="utf-8")
    images = []
    for i, (formula, e_form) in enumerate(
        (("CuAu", -0.05), ("CuAg", 0.1), ("AgAu", -0.03), ("CuAu", 0.02), ("AgAu", 0.0))
    ):
        atoms = bulk(formula, "cesiumchloride", a=3.1 + 0.01 * i)
        others = {"Cu": -4.0, "Au": -3.3, "Ag": -2.7}  # a third of an eV off for gold
        total = 2 * e_form + sum(others[el] for el in atoms.symbols)
        atoms.info |= {"dft_energy": total, "e_form": e_form, "material_id": f"m{i}"}
        images.append(atoms)
    options = {"references": tmp_path / "refs.csv", "energy_scale": "pbe_raw"}
    with pytest.raises(DataError, match=r"only with other energies of some elements, in eV/atom: Au by -0\.300;"):
        new(board, tmp_path, images, **options)
    new(board, tmp_path, images, formation_energy="none", **options)
    first, second = load(board, "mine").samples[:2]
    assert first.target["e_form_per_atom"] == pytest.approx(-0.05 - 0.15)
    assert second.target["e_form_per_atom"] == pytest.approx(0.1)


def test_a_name_with_mp2020_needs_the_corrections(board, tmp_path):
    with pytest.raises(DataError, match=r"its name says MP2020.*--corrections mp2020"):
        from_table(board, tmp_path, ["e_form_per_atom_mp2020_corrected"], [-2.1], [-2.2])


# names and units


@pytest.mark.parametrize(
    ("name", "kind", "unit", "per_atom"),
    [
        ("energy", "energy", "", False),
        ("REF_energy", "energy", "", False),
        ("dft_energy_ha", "energy", "Ha", False),
        ("energy_per_atom (eV/atom)", "energy", "eV", True),
        ("DFT_forces", "forces", "", False),
        ("stress_gpa", "stress", "GPa", False),
        ("formation_energy (eV/atom)", "e_form_per_atom", "eV", True),
        ("e_form_mev_per_atom", "e_form_per_atom", "meV", True),
        ("formationEnergy", "e_form_per_atom", "", False),
        ("delta_e", "e_form_per_atom", "", False),
        ("e_above_hull_mp2020_corrected_ppd_mp", "e_above_hull", "", False),
        ("energy_above_hull", "e_above_hull", "", False),
        ("is_stable", "stable", "", False),
        ("trajectory", "group", "", False),
    ],
)
def test_names_mean_what_the_field_means_by_them(name, kind, unit, per_atom):
    found = meaning(name)
    assert (found.kind, found.unit, found.per_atom) == (kind, unit, per_atom)


@pytest.mark.parametrize(
    "name", ["band_gap (eV)", "elastic_energy", "e_form_per_atom_chgnet", "formula", "free_energy"]
)
def test_other_names_mean_nothing(name):
    assert meaning(name) is None


def test_a_unit_in_the_name_is_converted(board, tmp_path):
    from_table(board, tmp_path, ["e_form_mev_per_atom", "e_above_hull_mev"], [-2100, 0], [-2200, 30])
    first, second = (s.target for s in load(board, "mine").samples)
    assert first == pytest.approx({"e_form_per_atom": -2.1, "e_above_hull": 0.0})
    assert second == pytest.approx({"e_form_per_atom": -2.2, "e_above_hull": 0.03})


def test_energies_per_atom_and_in_hartree_become_ev_per_cell(board, tmp_path):
    from_table(board, tmp_path, ["energy_per_atom"], [-0.1], [-0.2], energy_unit="Ha/atom", relaxed=True)
    assert [s.target["energy"] for s in load(board, "mine").samples] == pytest.approx([-0.2 * HARTREE, -0.4 * HARTREE])


def test_a_unit_that_contradicts_the_name_is_refused(board, tmp_path):
    with pytest.raises(DataError, match="its name says Ha, --energy-unit says eV"):
        from_table(board, tmp_path, ["energy_ha"], [-0.1], energy_unit="eV", relaxed=True)


def test_names_can_be_given(board, tmp_path):
    from_table(board, tmp_path, ["dHf", "above"], [-2.1, 0], [-2.2, 0.1], formation_energy="dHf", hull_distance="above")
    assert load(board, "mine").samples[1].target == {"e_form_per_atom": -2.2, "e_above_hull": 0.1}
    with pytest.raises(DataError, match=r"--formation-energy: no structure has a field 'dH'; there are .*'dHf'"):
        from_table(board, tmp_path, ["dHf"], [-2.1], formation_energy="dH", key="other")


def test_groups_of_trajectories_are_kept_together(board, tmp_path):
    images = six()
    for atoms, name in zip(images, "aabbcc", strict=True):
        atoms.info["trajectory"] = name
    card = new(board, tmp_path, images)
    samples = load(board, "mine").samples
    assert card.split.by == "group"
    assert [s.group for s in samples] == list("aabbcc")
    assert len({s.fold for s in samples[:2]}) == 1


def test_virials_are_minus_stress_times_volume(board, tmp_path):
    atoms = labelled(crystals()["Cu3Au"], energy=-1.0)
    stress = np.diag([0.01, 0.02, 0.03])
    atoms.info["REF_virial"] = -stress * atoms.get_volume()
    new(board, tmp_path, [atoms], relaxed=True)
    assert load(board, "mine").samples[0].arrays["stress"] == pytest.approx([0.01, 0.02, 0.03, 0, 0, 0])


def test_stresses_are_converted_from_the_unit_that_is_said(board, tmp_path):
    atoms = labelled(crystals()["Cu3Au"], energy=-1.0)
    atoms.info["dft_stress"] = np.diag([1.0, 2.0, 3.0])
    new(board, tmp_path, [atoms], relaxed=True, stress_unit="GPa", stress_sign="pressure")
    expected = np.array([-1, -2, -3, 0, 0, 0]) / GIGAPASCALS
    assert load(board, "mine").samples[0].arrays["stress"] == pytest.approx(expected)


def test_the_layout_of_perov_5_is_read_once_it_is_said_which_heat_is_meant(board, tmp_path):
    from pymatgen.core import Lattice, Structure

    lines = [",material_id,cif,formula,heat_all,heat_ref,dir_gap,ind_gap"]
    for row, (name, a) in enumerate((("7", 3.9), ("11", 4.1))):
        sites = [[0, 0, 0], [0.5] * 3, [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
        cif = Structure(Lattice.cubic(a), ["Sr", "Ti", "O", "O", "O"], sites).to(fmt="cif")
        lines.append(f'{row},{name},"{cif}",SrTiO3,{0.5 + row},{0.4 + row},0.0,0.0')
    path = tmp_path / "val.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"have 'heat_all' and 'heat_ref': .*--formation-energy"):
        make(board, "perov", [path], NewOptions(), print)
    card = make(board, "perov", [path], NewOptions(formation_energy="heat_ref", hull_distance="heat_all"), print)
    assert card.tasks == ("discovery",)
    assert [(s.material_id, s.target) for s in load(board, "perov").samples] == [
        ("7", {"e_form_per_atom": 0.4, "e_above_hull": 0.5}),
        ("11", {"e_form_per_atom": 1.4, "e_above_hull": 1.5}),
    ]


# what is refused


@pytest.mark.parametrize(
    ("header", "rows", "words"),
    [
        (
            ["e_form", "formation_energy"],
            [[-2.1, -2.1], [-2.2, -2.3]],
            "two columns of formation energies.*has -2.2 and -2.3",
        ),
        (["energy_ev", "energy_ha"], [[-6.7, ""], ["", -0.25]], "two columns of total energies.*has the second"),
        (["e_form_per_atom"], [[-2.1], [""]], r"'e_form_per_atom' is missing \(1 of 2"),
        (["e_form_per_atom"], [[-2.1], ["low"]], "'e_form_per_atom' of 'KCl' .value 'low'. is not a number"),
        (["e_form_per_atom"], [[-2.1], ["inf"]], "is not finite"),
        (["e_form_per_atom"], [[-6.7], [-6.2]], "formation energy of -6.70 eV/atom .*per cell"),
        (
            ["e_form_per_atom", "e_above_hull"],
            [[-2, 0], [-2, 30]],
            "'KCl' is 30 eV/atom above the hull.*e_above_hull_mev",
        ),
        (
            ["stable", "e_form"],
            [["maybe", -2], [1, -2]],
            "'stable' of 'NaCl' .value 'maybe'. is neither true nor false",
        ),
        (["heat"], [[-2.1], [-2.2]], "a heat may be against the elements or"),
        (["e_form", "energy_per_atom"], [[-2.1, -2.1], [-2.2, -2.2]], "so they are no total energies"),
    ],
)
def test_a_wrong_label_is_named_with_what_to_do(board, tmp_path, header, rows, words):
    with pytest.raises(DataError, match=words):
        from_table(board, tmp_path, header, *rows)
    assert list(board.datasets_dir.iterdir()) == []


def test_a_table_of_labels_has_a_row_for_each_structure(board, tmp_path):
    (tmp_path / "t.csv").write_text("material_id,e_form\nCu,0\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"t.csv: has no row for 5 of 6 structures, e\.g\. 'Au'"):
        new(board, tmp_path, six(), labels=tmp_path / "t.csv")
    said = []
    card = new(board, tmp_path, six(), said, key="other", labels=tmp_path / "t.csv", labelled_only=True)
    assert card.n_samples == 1
    assert any(text.startswith("5 structures have no row in") for text in said)
    rows = "".join(f"{name},0\n" for name in [*crystals(), "NaCl"])
    (tmp_path / "t.csv").write_text("material_id,e_form\n" + rows, encoding="utf-8")
    said = []
    assert new(board, tmp_path, six(), said, labels=tmp_path / "t.csv").n_samples == 6
    assert any(text.endswith("t.csv: 1 rows have no structure and are left out, e.g. 'NaCl'") for text in said)


def test_formation_energies_in_the_place_of_total_ones_are_refused(board, tmp_path):
    images = []
    for i in range(12):
        images.append(bulk("NaCl", "rocksalt", a=5.5 + 0.01 * i))
        images[-1].info |= {"energy": -4.0 - 0.001 * i, "material_id": f"m{i}"}
    with pytest.raises(DataError, match=r"within 2 eV/atom of zero.*--formation-energy energy.*--energy energy"):
        new(board, tmp_path, [labelled(a, energy=a.info.pop("energy") * 0.9) for a in images], relaxed=True)


def test_elements_at_zero_are_formation_energies(board, tmp_path):
    images = [labelled(atoms, energy=0.0 if len(atoms) == 1 else -1.2) for atoms in crystals().values()]
    with pytest.raises(DataError, match=r"of all elements are 0, as formation energies are"):
        new(board, tmp_path, images)


def test_total_energies_that_the_references_do_not_fit_are_refused(board, tmp_path):
    (tmp_path / "refs.csv").write_text(REFERENCES.replace("-4.1", "-54.1"), encoding="utf-8")
    atoms = labelled(crystals()["Cu3Au"], energy=-15.0)
    with pytest.raises(DataError, match=r"is 'energy' a total energy in eV per cell, on the scale of the references"):
        new(board, tmp_path, [atoms], references=tmp_path / "refs.csv", energy_scale="own")


def test_energies_per_atom_that_say_nothing_of_it_are_refused(board, tmp_path):
    atoms = crystals()["Cu3Au"]
    images = [labelled(atoms, energy=-3.7), labelled(atoms.repeat((2, 1, 1)), energy=-3.71)]
    with pytest.raises(DataError, match=r"is -3.710 for 8 atoms, and -3.700 for 4 atoms .*--energy-unit eV/atom"):
        new(board, tmp_path, images, relaxed=True)


def test_mixed_units_of_one_formula_are_refused(board, tmp_path):
    first, second = crystals()["Cu3Au"], crystals()["Cu3Au"]
    second.rattle(0.05, seed=0)
    with pytest.raises(DataError, match=r"of the same formula: units or kinds of energy are mixed"):
        new(board, tmp_path, [labelled(first, energy=-100.0), labelled(second, energy=-100 / HARTREE)], relaxed=True)


def test_one_structure_with_two_energies_is_refused_and_a_plain_duplicate_is_told(board, tmp_path):
    atoms, said = crystals()["Cu3Au"], []
    with pytest.raises(DataError, match=r"is the same structure as .*'energy' differs \(-15\.5 and -15\)"):
        new(board, tmp_path, [labelled(atoms, energy=-15.0), labelled(atoms, energy=-15.5)], relaxed=True)
    new(board, tmp_path, [labelled(atoms, energy=-15.0), labelled(atoms, energy=-15.0)], said, relaxed=True)
    assert any("1 structures occur more than once" in text for text in said)


def test_molecules_and_slabs_are_refused(board, tmp_path):
    slab = labelled(crystals()["Cu3Au"], energy=-15.0)
    slab.pbc = (True, True, False)
    with pytest.raises(DataError, match=r"is not periodic in three directions .pbc T T F."):
        new(board, tmp_path, [slab], relaxed=True)


def test_frames_without_forces_are_counted(board, tmp_path):
    images, said = six(), []
    images[1] = labelled(images[1], energy=images[1].get_potential_energy())
    new(board, tmp_path, images, said)
    assert "forces: 'forces' in eV/Å, 5 of 6 structures" in said
    assert any(text.startswith("1 of 6 structures lack energy or forces") for text in said)


def strained(stress=1.0, forces=1.0, energy=1.0, n=10):
    """Copies of Cu3Au at growing volumes, with EMT results times factors."""
    found = []
    for i in range(n):
        atoms = crystals()["Cu3Au"]
        atoms.set_cell(atoms.cell * (0.97 + 0.006 * i), scale_atoms=True)
        atoms.rattle(0.02, seed=i)
        known = labelled(atoms).calc.results
        known = {
            "energy": known["energy"] * energy,
            "forces": known["forces"] * forces,
            "stress": known["stress"] * stress,
        }
        found.append(labelled(atoms, **known))
    return found


def test_forces_and_stresses_are_held_to_the_energies(board, tmp_path):
    said = []
    new(board, tmp_path, strained(), said)
    assert any(text.startswith("'stress' agrees with the energies of 9 pairs") for text in said)


@pytest.mark.parametrize(
    ("factors", "words"),
    [
        ({"stress": GIGAPASCALS}, r"'stress' does not agree .*they are in GPa \(--stress-unit GPa\)"),
        ({"stress": -1}, r"'stress' does not agree .*other sign"),
        ({"stress": -10 * GIGAPASCALS}, r"'stress' does not agree .*in kbar with the other sign"),
        ({"forces": -1}, r"'forces' does not agree .*they are gradients"),
        ({"energy": 1 / HARTREE}, r"does not agree .*the energies are in Ha"),
    ],
)
def test_units_and_signs_are_found_by_the_slope_of_the_energy(board, tmp_path, factors, words):
    with pytest.raises(DataError, match=words):
        new(board, tmp_path, strained(**factors), relaxed=True)


def sheared(order=(0, 1, 2, 3, 4, 5), turned=False, wrong=()):
    """Copies of Cu3Au sheared in all directions, with EMT stresses in some order; some with the stress of another."""
    from scipy.spatial.transform import Rotation

    generator, found = np.random.default_rng(0), []
    for i in range(16):
        atoms = crystals()["Cu3Au"]
        strain = generator.uniform(-0.02, 0.02, (3, 3))
        atoms.set_cell(atoms.cell @ (np.eye(3) + strain + strain.T), scale_atoms=True)
        if turned:
            atoms.set_cell(atoms.cell @ Rotation.random(rng=generator).as_matrix(), scale_atoms=True)
        known = labelled(atoms).calc.results
        atoms.info |= {
            "dft_energy": known["energy"],
            "dft_stress": known["stress"][list(order)],
            "material_id": f"m{i}",
        }
        found.append(atoms)
    for i in wrong:
        found[i].info["dft_stress"] = -found[i].info["dft_stress"]
    return found


@pytest.mark.parametrize(
    ("order", "words"),
    [((0, 1, 2, 5, 3, 4), "in the order xx yy zz xy yz xz"), ((0, 1, 2, 5, 4, 3), "in the order xx yy zz xy xz yz")],
)
def test_the_order_of_shear_stresses_is_found_by_the_energy(board, tmp_path, order, words):
    with pytest.raises(
        DataError, match=f"'dft_stress' agrees with the energies of .* only {words}; give 3 x 3 numbers"
    ):
        new(board, tmp_path, sheared(order), relaxed=True)


def test_cells_that_are_turned_against_each_other_are_compared_as_well(board, tmp_path):
    said = []
    new(board, tmp_path, sheared(turned=True), said, relaxed=True)
    assert any(text.startswith("'dft_stress' agrees with the energies") for text in said)


def test_single_wrong_stresses_are_told(board, tmp_path):
    said = []
    new(board, tmp_path, sheared(wrong=[5]), said, relaxed=True)
    (told,) = [text for text in said if "disagree with their energies" in text]
    assert "'m5'" in told


def test_stresses_of_two_hundred_gigapascals_are_refused(board, tmp_path):
    atoms = labelled(crystals()["Cu3Au"], energy=-15.0, stress=np.array([5.0, 5, 5, 0, 0, 0]))
    with pytest.raises(DataError, match=r"half of the stresses 'stress' are above 5 eV/Å\^3, that is 801 GPa"):
        new(board, tmp_path, [atoms], relaxed=True)


def test_polymorphs_need_to_know_which_structure_is_stable(board, tmp_path):
    card = from_table(board, tmp_path, ["stable"], ["True"], ["no"], polymorphs=True)
    assert card.tasks == ("polymorphs",)
    assert [s.target for s in load(board, "mine").samples] == [{"stable": 1.0}, {"stable": 0.0}]
    with pytest.raises(DataError, match="--polymorphs needs a field 'stable'"):
        new(board, tmp_path, six(), polymorphs=True, key="other")


def test_options_that_contradict_each_other_are_refused(board, tmp_path):
    for options, words in (
        ({"corrections": "mp2020", "energy_scale": "pbe_raw"}, "contradict each other"),
        ({"energy_scale": "mp2020_corrected"}, "needs --corrections mp2020"),
        ({"own_hull": True, "hull": tmp_path / "x.json"}, "exclude each other"),
        ({"energy_unit": "erg"}, "an energy in 'erg' is not known; known: eV, meV, Ha"),
        ({"stress_unit": "bar"}, "a stress in 'bar' is not known; known: eV"),
        ({"references": tmp_path / "none.csv"}, "none.csv: no such file"),
    ):
        with pytest.raises(DataError, match=words):
            new(board, tmp_path, six(), **options)


# the card as text

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUE = st.one_of(TEXT, st.booleans(), st.integers(-(2**60), 2**60), st.floats(allow_nan=False, allow_infinity=False))
KEYS = st.text("abcz_-09", min_size=1, max_size=6)
PLAIN = st.dictionaries(KEYS, st.one_of(VALUE, st.lists(TEXT, max_size=3), st.dictionaries(TEXT, VALUE, max_size=2)))


@given(st.dictionaries(KEYS, st.one_of(VALUE, PLAIN, st.lists(PLAIN, min_size=1, max_size=3)), max_size=5))
def test_what_is_written_as_toml_reads_back_equal(content):
    assert tomllib.loads(toml(content)) == content


def test_a_new_data_set_is_read_by_others_with_its_permissions(board, tmp_path):
    new(board, tmp_path, six())
    assert (board.datasets_dir / "mine").stat().st_mode & 0o777 == 0o755


# structures that are not relaxed, and pairs that are far from each other


def shaken(n=12):
    """Cu, Au and Cu3Au in turn, each strained and rattled, with the labels of EMT."""
    found = []
    for i in range(n):
        atoms = crystals()[("Cu", "Au", "Cu3Au")[i % 3]] * (2, 1, 1)
        atoms.set_cell(atoms.cell * (1 + 0.01 * (i % 5 - 2)), scale_atoms=True)
        atoms.rattle(0.1, seed=i)
        found.append(labelled(atoms))
        found[-1].info["material_id"] = f"m{i}"
    return found


def test_frames_that_are_not_relaxed_get_no_formation_energies_unasked(board, tmp_path):
    said = []
    assert new(board, tmp_path, shaken(), said).tasks == ("static",)
    assert any(text.startswith("formation energies are left out: the structures are not relaxed") for text in said)


def test_formation_energies_of_unrelaxed_frames_name_the_protocol_that_fits_them(board, tmp_path):
    card = new(board, tmp_path, shaken(), own_hull=True)
    assert card.tasks == ("discovery", "static")
    assert any("not relaxed" in note and "single-point" in note for note in card.notes)


def test_right_labels_that_two_factors_fit_by_chance_are_not_judged(board, tmp_path):
    """Two factors fit any two of four pairs."""
    images = []
    for i in range(12):
        atoms = bulk(("Cu", "Ag", "Au", "Ni")[i % 4], cubic=True)
        atoms.set_cell(atoms.cell * (1 + 0.02 * np.random.default_rng(i).standard_normal()), scale_atoms=True)
        atoms.rattle(0.06, seed=i)
        images.append(labelled(atoms))
    said = []
    new(board, tmp_path, images[:8], said)
    assert not any("instead of 1" in text or "look at their labels" in text for text in said)
    assert any("could not be compared with the energies" in text for text in said)


def test_structures_that_are_given_twice_tell_nothing_of_units(board, tmp_path):
    """Pairs of the same structure fit any factor, so that four others would be judged by two numbers."""
    images = shaken(8)
    again = [atoms.copy() for atoms in images]
    for atoms, first in zip(again, images, strict=True):
        atoms.calc = first.calc
        atoms.info["material_id"] += "-again"
    said = []
    new(board, tmp_path, [*images, *again], said)
    assert not any("instead of 1" in text for text in said)


def test_structures_said_to_be_relaxed_have_small_forces(board, tmp_path):
    with pytest.raises(DataError, match=r"--relaxed says .* the largest force is \d\.\d\d eV/Å"):
        new(board, tmp_path, shaken(), relaxed=True)
    assert (
        new(board, tmp_path, shaken(), relaxed=True, forces="none", formation_energy="none").tasks[-1] == "relaxation"
    )


def test_structures_without_any_label_can_be_found_again(board, tmp_path):
    images = list(crystals().values())
    assert new(board, tmp_path, images, relaxed=True).tasks == ("relaxation",)
    assert [sample.target for sample in load(board, "mine").samples] == [{}] * len(images)


def test_two_atoms_on_one_site_are_told_by_the_file_that_was_given(board, tmp_path):
    atoms = bulk("Cu", cubic=True)
    atoms.positions[1] = atoms.positions[0]
    with pytest.raises(DataError, match=r"frames\.extxyz, frame 0: field 'positions': site 1 .* give one atom a site"):
        new(board, tmp_path, [atoms], relaxed=True)
