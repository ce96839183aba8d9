"""What a model should learn from next is cut out of liquids where models disagree or a run broke."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.io import read

from matdisc.errors import DataError
from matdisc.models.get.files import load, save
from matdisc.models.get.training.selection import (
    SelectConfig,
    fragment,
    molecule_spread,
    scaled_by_molecules,
    select_to,
)

MINI = Path(__file__).parents[3] / "matdisc/models/get/trained/get-mini"
ABOUT = {"source": "a test"}


class Pushes(Calculator):
    """Pushes the atoms of one molecule along x, eV/Å."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012

    def __init__(self, molecule, force):
        super().__init__()
        self.molecule, self.force = molecule, force

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        forces = np.zeros((len(atoms), 3))
        forces[atoms.arrays["molecule"] == self.molecule, 0] = self.force
        self.results = {"energy": 0.0, "forces": forces}


def three_pairs():
    """Three molecules of two atoms along x in a box of 12 Å, at 1, 4 and 11 Å; the last is nearest to the first."""
    x = [0.5, 1.5, 3.5, 4.5, 10.5, 11.5]
    atoms = Atoms("H6", [[one, 6, 6] for one in x], cell=[12, 12, 12], pbc=True)
    atoms.set_array("molecule", np.repeat([0, 1, 2], 2))
    return atoms


def test_a_fragment_holds_the_nearest_molecules_each_whole_and_as_its_nearest_image():
    found = fragment(three_pairs(), 0, [1, 0, -1], most=4)
    assert found.positions[:, 0].tolist() == pytest.approx([-0.5, 0.5, -2.5, -1.5])
    assert found.arrays["molecule"].tolist() == [0, 0, 1, 1]
    assert not found.pbc.any()
    assert found.info["charge"] == 0


def test_a_fragment_keeps_its_middle_molecule_even_if_that_alone_is_too_large():
    found = fragment(three_pairs(), 1, [1, 0, -1], most=1)
    assert (len(found), found.info["charge"]) == (2, 0)


def test_the_spread_is_that_of_the_force_on_the_molecule_on_which_models_disagree():
    """Forces of 0 and 2 eV/Å have a standard deviation of 1 on each atom."""
    spread = molecule_spread([Pushes(1, 0.0), Pushes(1, 2.0)], three_pairs())
    assert spread.tolist() == pytest.approx([0, 1, 0])


def test_a_box_is_stretched_without_stretching_its_molecules():
    found = scaled_by_molecules(three_pairs(), 2.0)
    assert np.diff(found.positions[:, 0])[::2].tolist() == pytest.approx([1, 1, 1])
    assert found.positions[:, 0].mean() == pytest.approx(2 * three_pairs().positions[:, 0].mean())
    assert found.cell.lengths().tolist() == [24, 24, 24]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A trained model, and the same with an energy head that is half wrong."""
    folder = tmp_path_factory.mktemp("models")
    model = load(MINI)
    save(folder / "right", model, about=ABOUT)
    for name, weights in model.named_parameters():
        if name.startswith("network.heads.energy"):
            weights.data *= 0.5
    save(folder / "wrong", model, about=ABOUT)
    return folder


def config(first, second, **changes):
    liquid = {"name": "EC", "species": {"EC": 3}, "densities": [1.2, 1.4], "temperatures": [400]}
    return SelectConfig.model_validate(
        {"models": [first, second], "liquid": [liquid], "steps": 20, "every": 10, "fragments": 2, "boxes": 1,
         "atoms": 20} | changes
    )  # fmt: skip


def test_every_run_gives_fragments_and_boxes_with_what_a_label_needs(models, tmp_path):
    found = select_to(config("right", "wrong"), models, tmp_path / "selected.xyz")
    written = read(tmp_path / "selected.xyz", ":")
    assert [one.stop for one in found] == ["", ""]
    assert [len(atoms) for atoms in written] == [20, 20, 30] * 2
    assert [atoms.info["system"] for atoms in written] == ["EC-fragment", "EC-fragment", "EC-box"] * 2
    assert {(atoms.info["trajectory"], bool(atoms.pbc.all())) for atoms in written[:3]} == {(0, False), (0, True)}
    assert written[5].get_volume() == pytest.approx(written[2].get_volume() * 1.2 / 1.4)
    assert all(one.spreads[0] >= one.spreads[-1] > 0.01 for one in found)


def test_a_run_that_breaks_gives_the_molecule_at_which_it_broke(models, tmp_path):
    """With half of the energy that holds molecules together, none keeps its bonds."""
    found = select_to(config("wrong", "right", steps=400), models, tmp_path / "selected.xyz")
    assert "after" in found[0].stop
    assert len(found[0].structures) == len(found[0].spreads) + 2


def test_a_liquid_of_an_unknown_species_is_named_before_anything_is_simulated(models, tmp_path):
    liquid = {"name": "X", "species": {"ECC": 3}, "densities": [1.2], "temperatures": [400]}
    with pytest.raises(DataError, match="ECC"):
        select_to(config("right", "wrong", liquid=[liquid]), models, tmp_path / "selected.xyz")
    assert not (tmp_path / "selected.xyz").exists()
