"""Batches fit into memory: they are halved where they do not, and follow what a GPU has left."""

import numpy as np
import pytest
from ase import Atoms

from matdisc.models.potentials.batch import FIRST, MOST, Batches, batch_atoms, calculator_of
from matdisc.physics.drivers import run_batched
from matdisc.physics.evaluation import Evaluation, evaluations


class Small:
    """Evaluates at most `room` structures, as if memory ended there; the energy is the number of atoms."""

    def __init__(self, room, error):
        self.room, self.error, self.sizes = room, error, []

    def __call__(self, structures):
        self.sizes.append(len(structures))
        if len(structures) > self.room:
            raise self.error
        return [Evaluation(float(len(atoms)), np.zeros((len(atoms), 3)), np.zeros(6)) for atoms in structures]


def chains(n):
    return [Atoms(f"H{k + 1}", positions=np.eye(k + 1, 3), cell=np.eye(3), pbc=True) for k in range(n)]


class OutOfMemoryError(RuntimeError):
    """Named like the one of torch."""


ERRORS = [
    MemoryError(),
    OutOfMemoryError("CUDA out of memory"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory"),
]


@pytest.mark.parametrize("error", ERRORS, ids=["numpy", "gpu", "cpu"])
@pytest.mark.parametrize("room", [1, 2, 3])
def test_a_batch_that_exceeds_memory_is_halved_until_it_fits(room, error):
    small = Small(room, error)
    found = Batches(small, on_cpu=100)(chains(5))
    assert [one.energy for one in found] == [1, 2, 3, 4, 5]


def test_halves_are_tried_from_the_largest_on():
    small = Small(1, MemoryError())
    Batches(small, on_cpu=100)(chains(3))
    assert small.sizes == [3, 1, 2, 1, 1]


def test_a_single_crystal_that_exceeds_memory_is_an_error():
    with pytest.raises(MemoryError):
        Batches(Small(0, MemoryError()), on_cpu=100)(chains(2))


def test_other_errors_are_not_tried_again():
    small = Small(0, ValueError("no such element"))
    with pytest.raises(ValueError, match="no such element"):
        Batches(small, on_cpu=100)(chains(4))
    assert small.sizes == [4]


def test_the_next_batch_is_smaller_than_the_one_that_failed():
    batches = Batches(Small(2, MemoryError()), on_cpu=100)
    batches(chains(3))
    assert batches.atoms == 3  # of six


def test_crystals_of_a_run_all_get_their_answer_where_memory_ends():
    small = Small(2, MemoryError())
    work = ((k, evaluations([atoms])) for k, atoms in enumerate(chains(6)))
    ended = {one.key: one.value[0].energy for one in run_batched(work, calculator_of(small, batch_atoms=100))}
    assert ended == {k: k + 1 for k in range(6)}


def test_on_a_cpu_the_measured_size_holds():
    assert batch_atoms("cpu", 40, bytes_an_atom=1e6, free=10**9) == 40


def test_on_a_gpu_half_of_the_free_memory_is_filled_once_an_atom_is_measured():
    assert batch_atoms("cuda:1", 40) == FIRST
    assert batch_atoms("cuda", 40, bytes_an_atom=1e6, free=2 * 10**9) == 1000
    assert batch_atoms("cuda", 40, bytes_an_atom=1e12, free=10**9) == 1
    assert batch_atoms("cuda", 40, bytes_an_atom=1.0, free=10**12) == MOST
