"""A data set of four labelled crystals, small enough to score by hand."""

import pytest
from ase.build import bulk

from matdisc.api.atoms import write_structures
from matdisc.board import Board
from matdisc.datasets.new import NewOptions, make

E_HULL = {"ag": 0.0, "au": 0.0, "cu": 0.2, "pd": 0.4}
"""Hull distances of the four, eV/atom; formation energies are the same. Two of four are stable."""


@pytest.fixture(scope="session")
def labelled(tmp_path_factory):
    """A file of the four."""
    frames = []
    for name, value in E_HULL.items():
        atoms = bulk(name.capitalize())
        atoms.info = {"material_id": name, "e_form_per_atom": value, "e_above_hull": value}
        frames.append(atoms)
    path = tmp_path_factory.mktemp("labelled") / "metals.extxyz"
    write_structures(path, frames)
    return path


@pytest.fixture(scope="session")
def folder(labelled):
    """A data set folder of the four, away from any board."""
    place = Board(labelled.parent)
    make(place, "metals", [labelled], NewOptions(energy_scale="own"), lambda line: None)
    return place.datasets_dir / "metals"
