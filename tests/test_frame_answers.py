"""Files of structures as predictions: extended XYZ whose frames carry energies, forces and stresses."""

import gzip
import io

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from matdisc import predictions
from matdisc.datasets.truth import truth_of
from matdisc.errors import SubmissionError
from matdisc.schema import Crystal, Dataset, Sample
from matdisc.scoring.align import align
from tests.test_array_answers import PAIR, SCORING

ARRAYS = ("forces", "stress")


def frame(name="a", symbols=("Cu", "Au"), places=((0, 0, 0), (0.5, 0.5, 0.5)), edge=3.0, **results):
    atoms = Atoms(list(symbols), scaled_positions=places, cell=[edge] * 3, pbc=True, info={"material_id": name})
    if results:
        atoms.calc = SinglePointCalculator(atoms, **results)
    return atoms


FORCES = np.arange(6.0).reshape(2, 3)
FULL = {"energy": -4.0, "forces": FORCES, "stress": np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])}


def saved(tmp_path, *frames, name="p.extxyz"):
    text = io.StringIO()
    write(text, list(frames), format="extxyz")
    data = text.getvalue().encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def aligned(path, *crystals):
    samples = [Sample(n, {"crystal": c}, {"energy": 0.0}, n) for n, c in zip("ab", crystals, strict=False)]
    return align(SCORING.read(path), truth_of(Dataset("pairs", tuple(samples))), SCORING)


@pytest.mark.parametrize("name", ["p.extxyz", "p.xyz", "p.extxyz.gz"])
def test_energy_forces_and_stress_of_a_frame_are_its_answer(tmp_path, name):
    found = aligned(saved(tmp_path, frame(**FULL), name=name), PAIR)
    assert found.values.tolist() == [-4.0]
    assert found.array("forces")[0].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert found.array("stress")[0].tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]  # xx yy zz yz xz xy, as in ASE


def test_frames_without_forces_have_none_and_are_counted(tmp_path):
    path = saved(tmp_path, frame("a", **FULL), frame("b", energy=-1.0))
    found = aligned(path, PAIR, PAIR)
    assert found.values.tolist() == [-4.0, -1.0]
    assert found.array("forces")[1] is None
    assert (
        "1 of 2 frames have no forces; they count as not given"
        in predictions.read(path, ["energy"], multi_column=True, arrays=ARRAYS).notes
    )


def test_a_file_without_any_energy_says_so(tmp_path):
    path = saved(tmp_path, frame("a"), frame("b"))
    found = predictions.read(path, ["energy"], multi_column=True, arrays=ARRAYS)
    assert not found.given.any()
    assert found.notes == ("2 of 2 frames have no energy; they count as not given",)


def test_a_frame_without_energy_is_no_answer(tmp_path):
    found = aligned(saved(tmp_path, frame("a", forces=FORCES), frame("b", **FULL)), PAIR, PAIR)
    assert found.coverage["failed"] == 1
    assert found.coverage["answered"] == 1


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"symbols": ("Au", "Cu")}, "frame 0: a has its atoms in another order: atom 1 is Au and should be Cu"),
        ({"symbols": ("Cu", "Ag")}, "frame 0: a is AgCu of 2 atoms; asked is AuCu of 2"),
        ({"edge": 3.1}, "frame 0: a has another cell"),
        ({"places": ((0, 0, 0), (0.5, 0.5, 0.6))}, "frame 0: a has atom 2 at another place, 0.3 Å away"),
    ],
)
def test_a_frame_of_another_structure_than_was_asked_about_is_refused(tmp_path, other, said):
    with pytest.raises(SubmissionError, match=said):
        aligned(saved(tmp_path, frame(**other, **FULL)), PAIR)


def test_atoms_on_the_other_side_of_the_cell_are_the_same_atoms(tmp_path):
    found = aligned(saved(tmp_path, frame(places=((1, 0, -1), (0.5, 0.5, 0.5)), **FULL)), PAIR)
    assert found.coverage["answered"] == 1


def test_a_relaxed_structure_may_be_a_frame_with_or_without_energy(tmp_path):
    path = saved(tmp_path, frame("a", energy=-4.0), frame("b"))
    found = predictions.read(path, ["energy_per_atom", "fmax"], structures=True)
    assert all(isinstance(structure, Crystal) for structure in found.structures)
    assert found.structures[0].symbols == PAIR.symbols
    assert found.reported["energy_per_atom"][0] == -2.0
    assert np.isnan(found.reported["energy_per_atom"][1])


def test_structures_are_no_answer_where_numbers_are_asked_for(tmp_path):
    with pytest.raises(SubmissionError, match="holds structures, and this task asks for 'e_form_per_atom'"):
        predictions.read(saved(tmp_path, frame(**FULL)), ["e_form_per_atom"])


def test_a_molecule_without_a_cell_is_refused_with_its_frame(tmp_path):
    atoms = frame(**FULL)
    atoms.pbc = False
    with pytest.raises(SubmissionError, match=r"frame 0.*periodic along 0 of 3"):
        predictions.read(saved(tmp_path, atoms), ["energy"], multi_column=True, arrays=ARRAYS)


def test_a_damaged_file_is_refused_in_words(tmp_path):
    path = tmp_path / "p.extxyz"
    path.write_text('3\nLattice="3 0 0 0 3 0 0 0 3"\nCu 0 0 0\n')
    with pytest.raises(SubmissionError, match="has 1 atoms and says that it has 3"):
        predictions.read(path, ["energy"], multi_column=True, arrays=ARRAYS)
