"""A potential answers for ABX3 formulas by their cubic perovskites: the right minimum, the right ordering, or none."""

import os
from pathlib import Path

import numpy as np
import pytest

from matdisc.datasets.mp_abc3 import REFERENCES, read_references
from matdisc.datasets.perovskites import sites_of
from matdisc.models import Question, load_predictor
from matdisc.models.perovskites.prototype import FARTHEST, cubic, cubic_by, edge_of, lowest_energy, mp_references
from matdisc.models.potentials.batch import calculator_of
from matdisc.physics.drivers import run_single
from matdisc.physics.evaluation import Evaluation
from matdisc.schema import Sample, Unsupported
from matdisc.testing import check_predictor

QUESTION = Question("perovskites", 0.05)
MIRROR = os.environ.get("MATDISC_MIRROR")
SR_ON_A, TI_ON_A = (3.9, -40.0), (4.3, -35.0)
"""Edge, Å, and energy, eV, of the minimum of each ordering of SrTiO3."""


class Toy:
    """A harmonic cubic cell with a minimum for each element on A; counts what it is asked."""

    def __init__(self, **minima):
        self.minima, self.asked, self.together = minima, 0, 0
        self.calculator = calculator_of(self.evaluate, batch_atoms=10)

    def evaluate(self, structures):
        self.asked, self.together = self.asked + len(structures), max(self.together, len(structures))
        return [Evaluation(self.energy(atoms), np.zeros((len(atoms), 3)), np.zeros(6)) for atoms in structures]

    def energy(self, atoms):
        corner = next(atom.symbol for atom in atoms if np.allclose(atom.position, 0))
        assert corner in self.minima, f"{corner} was not expected on A"
        minimum, energy = self.minima[corner]
        return energy + 10.0 * (minimum / atoms.cell[0, 0] - 1) ** 2

    def predictor(self):
        return cubic_by(self.calculator, {"Sr": -2.0, "Ti": -8.0, "O": -5.0})


def sample(name, **atoms):
    return Sample(
        name, {"composition": atoms, "sites": sites_of(atoms), "compound": name}, {}, group="-".join(sorted(atoms))
    )


def titanate(name="SrTiO3"):
    return sample(name, Sr=1, Ti=1, O=3)


@pytest.mark.parametrize(("edge", "widened"), [(3.9, 5), (4.5, 0), (5.2, 5)])
def test_the_known_energy_of_the_minimum_is_found_wherever_the_estimate_lies(edge, widened):
    toy = Toy(Sr=(edge, -40.0))
    assert run_single(lowest_energy("Sr", "Ti", "O"), toy.calculator) == pytest.approx(-40.0, abs=1e-6)
    assert toy.asked == 5 + widened


def test_the_estimate_is_the_larger_one_of_both_contacts():
    # covalent radii: Sr 1.95, Ti 1.60, O 0.66 Å
    assert edge_of("Sr", "Ti", "O") == pytest.approx(2 * (1.60 + 0.66))
    assert edge_of("Sr", "O", "Ti") == pytest.approx(2**0.5 * (1.95 + 1.60))


@pytest.mark.parametrize(("sr", "ti"), [(SR_ON_A, TI_ON_A), ((3.9, -35.0), (4.3, -40.0))])
def test_the_lower_of_both_orderings_is_kept(sr, ti):
    (answer,) = Toy(Sr=sr, Ti=ti).predictor()([], [titanate()], QUESTION)
    # (-40 + 2 + 8 + 3 * 5) / 5
    assert answer == {"e_form_per_atom": pytest.approx(-3.0, abs=1e-6)}


def test_a_formula_is_asked_once_and_with_others_together():
    toy = Toy(Sr=SR_ON_A, Ti=TI_ON_A)
    ask = toy.predictor()
    first = ask([], [titanate("mp-1"), titanate("mp-2")], QUESTION)
    asked = toy.asked
    assert ask([titanate()], [titanate("mp-3")], QUESTION) == first[:1] == first[1:]
    assert toy.asked == asked
    assert toy.together == 2


def test_an_ordering_without_minimum_leaves_the_other_one():
    (answer,) = Toy(Sr=(1.0, -90.0), Ti=TI_ON_A).predictor()([], [titanate()], QUESTION)
    assert answer == {"e_form_per_atom": pytest.approx(-2.0, abs=1e-6)}


@pytest.mark.parametrize("edge", [1.0, 20.0])
def test_no_minimum_is_a_refusal_that_names_the_edges_that_were_tried(edge):
    toy = Toy(Sr=(edge, -40.0), Ti=(edge, -40.0))
    (answer,) = toy.predictor()([], [titanate()], QUESTION)
    assert isinstance(answer, Unsupported)
    assert "has no minimum between edges of" in answer.reason
    assert toy.asked <= 2 * (FARTHEST + 5)


def test_an_element_without_reference_is_refused_by_name_and_the_others_are_answered():
    toy = Toy(Sr=SR_ON_A, Ti=TI_ON_A)
    refused, answered = toy.predictor()([], [sample("PoRnO3", Po=1, Rn=1, O=3), titanate()], QUESTION)
    assert refused == Unsupported("no reference energy of Po, Rn")
    assert set(answered) == {"e_form_per_atom"}


def test_an_element_that_the_potential_does_not_know_is_refused_in_its_words():
    def refuse(structures):
        raise ValueError("the toy knows no Sr")

    ask = cubic_by(calculator_of(refuse, batch_atoms=10), {"Sr": -2.0, "Ti": -8.0, "O": -5.0})
    assert ask([], [titanate()], QUESTION) == [Unsupported("the toy knows no Sr")]


def test_trouble_of_the_machine_is_no_refusal_of_a_formula():
    def fail(structures):
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space left"):
        cubic_by(calculator_of(fail, batch_atoms=10), mp_references())([], [titanate()], QUESTION)


def test_a_potential_on_another_scale_is_refused():
    with pytest.raises(ValueError, match=r"model is 'chgnet-r2scan'; allowed: chgnet-0\.3\.0"):
        cubic("chgnet-r2scan")


@pytest.mark.mirror
@pytest.mark.skipif(not MIRROR, reason="set MATDISC_MIRROR to a mirror of the public files")
def test_the_references_are_those_of_the_public_file():
    assert mp_references() == read_references(Path(MIRROR) / "mp-elemental-references" / REFERENCES)


@pytest.mark.slow
def test_chgnet_finds_the_formation_energy_of_strontium_titanate(board):
    ask = load_predictor(board.model("perovskite-chgnet-cubic"))
    check_predictor(ask, [], [titanate()], QUESTION)
    (answer,) = ask([], [titanate()], QUESTION)
    assert answer["e_form_per_atom"] == pytest.approx(-3.55, abs=0.05)  # Materials Project, mp-5229: -3.55
