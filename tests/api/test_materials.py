"""Data sets as Python looks at them, and data sets that Python makes."""

import re

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.io import write
from pymatgen.core import Structure

import matdisc
from matdisc.api.workplace import in_python, key_of
from matdisc.errors import CardError, DataError, UnknownName


@pytest.fixture
def frames():
    """Four strained copper crystals with energies, forces and stress."""
    found = []
    for number, strain in enumerate((0.98, 1.0, 1.02, 1.04)):
        atoms = bulk("Cu", cubic=True)
        atoms.set_cell(atoms.cell * strain, scale_atoms=True)
        atoms.rattle(0.05, seed=number)
        atoms.info.update(material_id=f"00{number}", group=f"draw-{number}")
        atoms.calc = EMT()
        atoms.get_forces()
        atoms.get_stress()
        found.append(atoms)
    return found


def test_a_data_set_is_its_materials_in_order(folder):
    metals = matdisc.load_dataset(folder)
    assert [material.material_id for material in metals] == ["ag", "au", "cu", "pd"] == list(metals.ids)
    assert len(metals) == len(metals.structures) == 4
    assert metals["cu"].labels == {"e_form_per_atom": 0.2, "e_above_hull": 0.2}
    assert metals.labels.loc["pd", "e_above_hull"] == 0.4
    assert metals.card.key == metals.key == "metals"
    assert repr(metals) == "<Materials metals: 4 (discovery)>"


def test_structures_become_those_of_ase_and_pymatgen(folder):
    structures = matdisc.load_dataset(folder).structures
    silver = structures.to_ase()[0]
    assert (silver.info["material_id"], silver.get_chemical_formula()) == ("ag", "Ag")
    assert np.allclose(silver.cell, bulk("Ag").cell)
    copper = structures.to_pymatgen()[2]
    assert isinstance(copper, Structure)
    assert copper.volume == pytest.approx(bulk("Cu").get_volume())
    assert copper.properties["material_id"] == "cu"
    assert structures[1:3].to_ase()[0].info["material_id"] == "au"


def test_an_unknown_material_is_told_its_neighbours(folder):
    with pytest.raises(UnknownName, match="did you mean 'cu'"):
        matdisc.load_dataset(folder)["cu2"]


def test_a_data_set_without_structures_has_labels_all_the_same():
    sample = matdisc.load_dataset("wbm-sample")
    assert len(sample) == len(sample.labels) == len(sample.ids) == 1000
    with pytest.raises(DataError, match="labels without structures"):
        sample.structures  # noqa: B018


def test_atoms_with_results_are_a_data_set_and_its_own_potential_is_perfect(frames, capsys):
    copper = matdisc.load_dataset(frames)
    assert "total energies: 'energy' in eV per cell, 4 of 4 structures" in capsys.readouterr().err
    assert copper.ids == ("000", "001", "002", "003")
    assert np.allclose(copper["002"].arrays["forces"], frames[2].get_forces(), atol=1e-7)
    assert np.allclose(copper["002"].arrays["stress"], frames[2].get_stress(), atol=1e-7)
    found = matdisc.evaluate(EMT(), dataset=copper, progress=False)
    assert found.task == "static"
    assert found.metrics["force_mae"].value == pytest.approx(0, abs=1e-6)
    assert list(found.predictions.index) == list(copper.ids)
    assert found.predictions["mae:forces"].max() == pytest.approx(0, abs=1e-6)


def test_files_are_the_same_data_set_as_the_atoms_in_them(frames, tmp_path):
    write(tmp_path / "copper.extxyz", frames[:2])
    write(tmp_path / "more.extxyz", frames[2:])
    both = matdisc.load_dataset([tmp_path / "copper.extxyz", tmp_path / "more.extxyz"])
    assert both.key == "copper"
    assert both.labels["energy"].tolist() == pytest.approx(matdisc.load_dataset(frames).labels["energy"].tolist())


def test_a_field_of_another_name_is_named_where_the_file_is_loaded(frames, tmp_path):
    for atoms in frames:
        atoms.info["mine"] = atoms.get_potential_energy()
        atoms.arrays["forces"] = atoms.get_forces()
        atoms.calc = None
    write(tmp_path / "copper.extxyz", frames)
    copper = matdisc.load_dataset(tmp_path / "copper.extxyz", energy="mine")
    assert copper.labels["energy"].iloc[0] == pytest.approx(frames[0].info["mine"])
    with pytest.raises(UnknownName, match="did you mean energy"):
        matdisc.load_dataset(tmp_path / "copper.extxyz", energie="mine")
    for odd in ({"energy_scale": "raw"}, {"stress_sign": "minus"}, {"threshold": "low"}, {"energy": 5}):
        ((name, value),) = odd.items()
        with pytest.raises(DataError, match=f"option '{name}' is {value!r}: "):
            matdisc.load_dataset(tmp_path / "copper.extxyz", **odd)
    with pytest.raises(CardError, match="has a card"):
        matdisc.load_dataset(copper, energy="mine")
    with pytest.raises(CardError, match="elements: has a card"):
        matdisc.load_dataset("elements", energy="mine")


def test_energies_that_may_be_formation_energies_name_the_argument_and_where_it_goes(tmp_path):
    frames = [bulk("NaCl", "rocksalt", a=5.6 + i / 10) for i in range(10)]
    for i, atoms in enumerate(frames):
        atoms.info = {"material_id": f"salt{i}", "energy": -4.0 + i / 100}
    write(tmp_path / "salts.extxyz", frames)
    with pytest.raises(DataError, match=r"`energy='energy'`; options go to `matdisc\.load_dataset`"):
        matdisc.score({"salt0": -2.0}, dataset=tmp_path / "salts.extxyz")


def test_messages_about_a_list_of_structures_name_no_temporary_file(frames):
    frames[1].info["material_id"] = frames[0].info["material_id"]
    with pytest.raises(DataError, match=r"^the list of structures, frame 1: .* is also the name of the list"):
        matdisc.load_dataset(frames)


def test_on_a_board_own_structures_become_a_data_set_of_the_board(frames, board, tmp_path):
    write(tmp_path / "copper.extxyz", frames)
    first = matdisc.evaluate(EMT(), dataset=tmp_path / "copper.extxyz", board=board, progress=False)
    again = matdisc.evaluate(EMT(), dataset=tmp_path / "copper.extxyz", board=board, progress=False)
    assert dict(first.metrics) == dict(again.metrics)
    assert board.dataset("copper").n_samples == 4
    write(tmp_path / "copper.extxyz", frames[:3])
    with pytest.raises(CardError, match="the board has another data set 'copper'"):
        matdisc.evaluate(EMT(), dataset=tmp_path / "copper.extxyz", board=board, progress=False)


def test_structures_with_results_are_predictions_and_can_be_saved(frames, board):
    copper = matdisc.load_dataset(frames)
    found = matdisc.score(frames, dataset=copper, name="same")
    assert found.metrics["force_mae"].value == pytest.approx(0, abs=1e-6)
    by_id = matdisc.score({atoms.info["material_id"]: atoms for atoms in frames}, dataset=copper)
    assert dict(by_id.metrics) == dict(found.metrics)
    columns = {
        "material_id": list(copper.ids),
        "energy": [atoms.get_potential_energy() for atoms in frames],
        "forces": [atoms.get_forces() for atoms in frames],
    }
    assert matdisc.score(columns, dataset=copper).metrics["force_mae"].value == pytest.approx(0, abs=1e-6)
    path = found.save(board)
    assert re.search(r"static/structures/same\.json$", str(path))
    assert (board.predictions_dir / "static" / "structures" / "same.csv.gz").is_file()


@pytest.mark.parametrize(
    ("dataset", "said"),
    [
        ([], "dataset is empty"),
        (3, "dataset is 3"),
        (["a.cif", bulk("Cu")], "item 0 is a str"),
        ("no/such/file.cif", "no such file"),
        ("frames.extxyz", r"frames\.extxyz: no such file"),
    ],
)
def test_what_is_no_data_set_is_refused(dataset, said):
    with pytest.raises(DataError, match=said):
        matdisc.load_dataset(dataset)


def test_messages_name_arguments_as_python_writes_them():
    assert in_python("use --restart to begin anew") == "use restart=True to begin anew"
    assert in_python("`--workers 0` runs without Ray") == "`workers=0` runs without Ray"
    assert in_python("(--protocol single-point)") == "(protocol='single-point')"
    assert in_python("use fewer workers (--workers)") == "use fewer workers (workers=)"
    assert in_python("name one with --board DIR") == "name one with board=DIR"
    assert in_python("say which one is meant with --energy") == "say which one is meant with energy="
    assert in_python("or say so (--own-hull)") == "or say so (own_hull=True)"
    assert in_python("(--stress-unit kbar)") == "(stress_unit='kbar')"
    assert in_python("--energy-scale mp2020_corrected needs") == "energy_scale='mp2020_corrected' needs"
    assert in_python("make one with `matdisc init DIR --force`") == "make one with `matdisc init DIR --force`"


def test_names_become_keys():
    assert key_of("My MACE, v2") == "my-mace-v2"
    with pytest.raises(CardError, match="no letter or digit"):
        key_of("—")


def test_a_frame_without_forces_counts_with_its_energy(frames, capsys):
    """One of four energies is 0.4 eV too high, of a frame without forces: 0.1 eV per cell in the mean."""
    del frames[0].calc.results["forces"]
    frames[0].calc.results["energy"] += 0.4
    found = matdisc.evaluate(EMT(), "static", frames)
    assert (
        "1 of 4 structures lack energy or forces; the task static scores of each what it has" in capsys.readouterr().err
    )
    assert found.metrics["energy_mae"].value == pytest.approx(0.1 / len(frames[0]), abs=1e-6)
    assert found.metrics["force_mae"].value == pytest.approx(0, abs=1e-6)
