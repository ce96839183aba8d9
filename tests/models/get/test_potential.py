"""The laws that a force field has to keep, in double precision on few atoms."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from get_examples import SIZES, ask, rock_salt, salt, small_model, water

from matdisc.errors import CardError, DataError
from matdisc.models.get.reference.graph import join
from matdisc.models.get.reference.potential import GET
from matdisc.models.get.settings import SYMBOLS, Settings, settings_of

DISPERSION = {"dispersion": True, "elements": (1, 3, 8, 9), "dispersion_c6": {1: 2.0, 3: 5.0, 8: 8.0, 9: 6.0}}
CASES = {
    "molecule": (water(1.0), {}),
    "box": (salt(), {}),
    "dispersion": (salt(), DISPERSION),
    "four layers": (water(), {"layers": 4}),
}
cases = pytest.mark.parametrize(("atoms", "settings"), CASES.values(), ids=CASES.keys())


def _energy(model, atoms):
    return float(ask(model, atoms).energy)


@cases
def test_forces_are_minus_the_gradient_of_the_energy(atoms, settings):
    model, step = small_model(**settings), 1e-4
    forces = ask(model, atoms).forces.numpy()
    for atom, axis in ((0, 0), (1, 2), (2, 1)):
        found = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[atom, axis] += sign * step
            found.append(_energy(model, moved))
        assert forces[atom, axis] == pytest.approx(-(found[0] - found[1]) / (2 * step), abs=2e-7)


@cases
def test_the_virial_is_minus_the_derivative_by_strain(atoms, settings):
    model, step = small_model(**settings), 1e-4
    virial = ask(model, atoms).virial[0].numpy()
    for a, b in ((0, 0), (2, 1), (0, 2)):
        found = []
        for sign in (1, -1):
            strain = np.eye(3)
            strain[a, b] += sign * step
            strained = atoms.copy()
            strained.set_cell(atoms.cell.array @ strain)
            strained.positions = atoms.positions @ strain
            found.append(_energy(model, strained))
        assert virial[a, b] == pytest.approx(-(found[0] - found[1]) / (2 * step), abs=2e-7)
    np.testing.assert_allclose(virial, virial.T, atol=1e-10)


@cases
def test_forces_add_up_to_zero_and_charges_to_the_total(atoms, settings):
    answer = ask(small_model(**settings), atoms)
    np.testing.assert_allclose(answer.forces.sum(dim=0), 0, atol=1e-10)
    assert float(answer.charges.sum()) == pytest.approx(atoms.info.get("charge", 0.0), abs=1e-12)


@cases
@pytest.mark.parametrize("handed", [1, -1], ids=["rotation", "reflection"])
def test_vectors_turn_with_the_structure_and_scalars_stay(atoms, settings, handed):
    model = small_model(**settings)
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    turn *= handed * np.sign(np.linalg.det(turn))
    turned = atoms.copy()
    turned.set_cell(atoms.cell.array @ turn)
    turned.positions = atoms.positions @ turn
    one, other = ask(model, atoms, residual=True), ask(model, turned, residual=True)
    turn = torch.tensor(turn)
    np.testing.assert_allclose(other.energy, one.energy, atol=1e-9)
    np.testing.assert_allclose(other.charges, one.charges, atol=1e-10)
    np.testing.assert_allclose(other.forces, one.forces @ turn, atol=1e-9)
    np.testing.assert_allclose(other.residual, one.residual @ turn, atol=1e-9)
    np.testing.assert_allclose(other.virial[0], turn.T @ one.virial[0] @ turn, atol=1e-9)
    np.testing.assert_allclose(other.dipole, one.dipole @ turn, atol=1e-9)


@cases
def test_neither_a_translation_nor_the_order_of_atoms_matters(atoms, settings):
    model, order = small_model(**settings), np.random.default_rng(1).permutation(len(atoms))
    other = atoms[order]
    other.info = dict(atoms.info)
    other.translate([31.0, -4.2, 0.3])
    one, other = ask(model, atoms), ask(model, other)
    np.testing.assert_allclose(other.energy, one.energy, atol=1e-9)
    np.testing.assert_allclose(other.forces, one.forces[order], atol=1e-9)
    np.testing.assert_allclose(other.virial, one.virial, atol=1e-8)


def test_a_batch_gives_each_frame_what_it_gets_alone():
    model = small_model()
    frames = [water(1.0), salt(), water(seed=7), rock_salt(2.8)]
    batch = ask(model, *frames, residual=True, between=True)
    start = 0
    for k, atoms in enumerate(frames):
        run_single, own = ask(model, atoms, residual=True, between=True), slice(start, start + len(atoms))
        for name in ("forces", "charges", "charge_slope", "residual"):
            np.testing.assert_allclose(getattr(batch, name)[own], getattr(run_single, name), atol=1e-11)
        for name in ("energy", "virial", "dipole", "residual_virial", "network_virial_between"):
            np.testing.assert_allclose(getattr(batch, name)[k], getattr(run_single, name)[0], atol=1e-10)
        start += len(atoms)


def test_graphs_that_are_joined_are_the_graph_of_all():
    model = small_model()
    frames = [water(), salt(), rock_salt(2.8)]
    joined, whole = join([model.graph([atoms]) for atoms in frames]), model.graph(frames)
    for name in ("numbers", "frame", "edge_index", "shift", "pair_index", "pair_shift", "charge", "cell"):
        assert torch.equal(getattr(joined, name), getattr(whole, name))
    assert [(box.frame, box.atoms) for box in joined.boxes] == [(1, (3, 9)), (2, (9, 11))]


@pytest.mark.parametrize("settings", [{}, DISPERSION], ids=["plain", "dispersion"])
def test_a_cell_smaller_than_the_cutoff_is_part_of_its_supercell(settings):
    model, atoms = small_model(ewald_accuracy=1e-9, **settings), salt()
    large = atoms.repeat((2, 1, 3))
    one, many = ask(model, atoms), ask(model, large)
    assert float(many.energy) == pytest.approx(6 * float(one.energy), rel=1e-7)
    np.testing.assert_allclose(many.forces.reshape(6, -1, 3), one.forces.expand(6, -1, 3), atol=1e-6)
    np.testing.assert_allclose(many.virial, 6 * one.virial, atol=1e-5)


def test_an_atom_whose_neighbours_are_its_own_images_has_as_many_as_in_a_supercell():
    model, atoms = small_model(), bulk("Al", a=4.05)
    assert model.graph([atoms]).edge_index.shape[1] == 42  # 12 at 2.86 Å, 6 at 4.05 Å, 24 at 4.96 Å
    assert _energy(model, atoms.repeat(2)) == pytest.approx(8 * _energy(model, atoms), rel=1e-9)


def test_energy_and_forces_go_on_smoothly_as_an_atom_crosses_the_cutoff():
    model, found = small_model(), []
    for r in (5 - 1e-6, 5 + 1e-6):
        found.append(ask(model, Atoms("OHLi", [[0, 0, 0], [0.9, 0.2, 0], [0, 0, r]])))
    assert abs(float(found[0].energy - found[1].energy)) < 1e-5
    np.testing.assert_allclose(found[0].forces, found[1].forces, atol=1e-5)


@pytest.mark.parametrize("atoms", [water(1.0), salt()], ids=["molecule", "box"])
def test_the_forces_of_the_paper_and_the_residual_make_the_gradient(atoms):
    exact, paper = small_model(), small_model(conservative=False)
    one, other = ask(exact, atoms, residual=True), ask(paper, atoms, residual=True)
    assert float(one.residual.abs().max()) > 1e-3
    np.testing.assert_allclose(other.residual, one.residual, atol=1e-12)
    np.testing.assert_allclose(other.forces + other.residual, one.forces, atol=1e-11)
    np.testing.assert_allclose(other.virial + other.residual_virial, one.virial, atol=1e-10)
    np.testing.assert_allclose(ask(exact, atoms).forces, one.forces, atol=1e-11)
    np.testing.assert_allclose(ask(paper, atoms).forces, other.forces, atol=1e-12)


def test_the_residual_vanishes_where_every_charge_costs_the_same():
    """Two equal atoms, mirror images of each other, have one lambda: nothing is left out."""
    answer = ask(small_model(), Atoms("O2", [[0, 0, 0], [0, 0, 1.4]]), residual=True)
    assert float(answer.charge_slope[0] - answer.charge_slope[1]) == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(answer.residual, 0, atol=1e-12)


def test_the_virial_between_molecules_counts_edges_that_join_different_ones():
    model = small_model(conservative=False)
    pair = water() + water(seed=4)
    pair.positions[3:] += [0, 0, 3.0]
    assert float(ask(model, pair, between=True).network_virial_between) == 0  # nobody said which is which
    pair.arrays["molecule"] = np.arange(6)
    every = float(ask(model, pair, between=True).network_virial_between)
    pair.arrays["molecule"] = np.array([0, 0, 0, 1, 1, 1])
    outer = float(ask(model, pair, between=True).network_virial_between)
    inner = sum(float(_within(model, pair, own)) for own in (0, 1))
    assert every == pytest.approx(outer + inner, abs=1e-10)
    assert abs(outer) > 1e-3


def _within(model, atoms, own):
    """The same over edges inside one molecule, from the derivatives by edge vectors."""
    graph = model.graph([atoms])
    i, j = graph.edge_index
    vectors = (graph.positions[i] - graph.positions[j]).requires_grad_()
    energy = model.network(graph.numbers, graph.edge_index, vectors).energy.sum()
    (slopes,) = torch.autograd.grad(energy, vectors)
    inside = (graph.molecule[i] == own) & (graph.molecule[j] == own)
    return -(slopes * vectors.detach()).sum(dim=1)[inside].sum()


def test_between_atoms_that_are_molecules_each_it_is_the_whole_virial_if_there_are_no_charges():
    model, atoms = small_model(), water()
    with torch.no_grad():
        for head in ("charge", "electronegativity", "hardness"):
            for p in model.network.heads[head].parameters():
                p.zero_()
    atoms.arrays["molecule"] = np.arange(3)
    answer = ask(model, atoms, between=True)
    assert float(answer.network_virial_between) == pytest.approx(float(answer.virial[0].trace()), abs=1e-10)


@pytest.mark.parametrize("conservative", [True, False])
@pytest.mark.parametrize("atoms", [water(), salt()], ids=["molecule", "box"])
def test_every_part_of_the_answer_can_be_trained(atoms, conservative):
    """The derivative of a loss of everything by the weights is that of differences."""
    model = small_model(conservative=conservative)
    graph = model.graph([atoms])

    def loss():
        answer = model.answer(graph, training=True, residual=True, between=True)
        parts = (answer.energy, answer.forces, answer.virial, answer.charges, answer.dipole, answer.residual)
        return sum(part.square().sum() for part in parts) + answer.network_virial_between.sum()

    loss().backward()
    for weight in (
        model.network.heads["charge"][0].weight,
        model.network.layers[1].qkv.weight,
        model.network.radial.mu,
    ):
        place, step, found = (0,) * weight.dim(), 1e-5, []
        for sign in (1, -1):
            with torch.no_grad():
                weight[place] += sign * step
            found.append(float(loss()))
            with torch.no_grad():
                weight[place] -= sign * step
        expected = (found[0] - found[1]) / (2 * step)
        assert float(weight.grad[place]) == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_nothing_is_kept_for_training_unless_asked():
    model = small_model()
    graph = model.graph([water()])
    assert not any(getattr(model.answer(graph), name).requires_grad for name in ("energy", "forces", "charges"))
    assert model.answer(graph, training=True).forces.requires_grad
    with torch.no_grad():
        assert torch.isfinite(model.answer(graph).forces).all()


def test_single_precision_gives_the_numbers_up_to_its_noise():
    double = GET(Settings()).double()
    single = GET(Settings())
    for atoms in (water(), salt()):
        one, other = ask(double, atoms), ask(single, atoms)
        assert float(other.energy) == pytest.approx(float(one.energy), abs=2e-5)
        np.testing.assert_allclose(other.forces, one.forces, atol=2e-4)


def test_the_baseline_adds_its_energy_for_each_atom_and_no_force():
    plain, raised = small_model(), small_model(baseline={1: -13.0, 8: -400.0})
    one, other = ask(plain, water()), ask(raised, water())
    assert float(other.energy - one.energy) == pytest.approx(-426.0)
    np.testing.assert_allclose(other.forces, one.forces)


def test_an_isolated_ion_has_its_charge_and_no_force():
    answer = ask(small_model(), Atoms("Li", info={"charge": 1}), residual=True, between=True)
    assert answer.charges.tolist() == [1.0]
    assert answer.forces.tolist() == [[0.0, 0.0, 0.0]]
    assert torch.isfinite(answer.energy).all()


def test_equal_molecules_far_apart_have_their_energies_and_their_coulomb_energy():
    model, one = small_model(), water()
    other = one.copy()
    other.translate([0, 0, 500.0])
    run_single, pair = ask(model, one), ask(model, one + other)
    np.testing.assert_allclose(pair.charges[:3], run_single.charges, atol=1e-10)
    assert float(pair.energy) == pytest.approx(2 * float(run_single.energy), abs=1e-5)  # dipoles at 500 Å


def test_unlike_molecules_in_one_frame_share_the_shift_that_makes_it_neutral():
    """The limit that docs/explanation/get.md names: charge moves between molecules at any distance."""
    model, far = small_model(), Atoms("LiF", [[0, 0, 500.0], [0, 0, 501.5]])
    run_single, run_batched = ask(model, water()), ask(model, water() + far)
    shift = run_batched.charges[:3] - run_single.charges
    assert abs(float(shift[0])) > 1e-3
    np.testing.assert_allclose(shift, float(shift[0]), atol=1e-10)


def test_asking_changes_neither_structure_nor_graph():
    model, atoms = small_model(), salt()
    before, graph = atoms.copy(), model.graph([atoms])
    positions, cell = graph.positions.clone(), graph.cell.clone()
    model.answer(graph, residual=True, between=True)
    assert atoms == before
    assert torch.equal(graph.positions, positions)
    assert torch.equal(graph.cell, cell)


def test_the_energy_of_a_trajectory_swings_as_the_square_of_the_time_step():
    def swing(dt, steps):
        atoms, model = water(), small_model(seed=2)
        velocities, masses = np.zeros((3, 3)), atoms.get_masses()[:, None] * 103.642697  # eV fs^2/Å^2
        answer, energies = ask(model, atoms), []
        for _ in range(steps):
            velocities += dt / 2 * answer.forces.numpy() / masses
            atoms.positions += dt * velocities
            answer = ask(model, atoms)
            velocities += dt / 2 * answer.forces.numpy() / masses
            energies.append(float(answer.energy) + 0.5 * float((masses * velocities**2).sum()))
        return np.ptp(energies)

    assert swing(0.8, 25) / swing(0.4, 50) == pytest.approx(4, rel=0.15)


BAD = {
    "no atoms": (Atoms(), "without atoms"),
    "partly periodic": (Atoms("Li", cell=[4, 4, 20], pbc=[True, True, False]), "pbc is"),
    "flat": (Atoms("Li", cell=[4, 4, 0], pbc=True), "no volume"),
    "exploded": (Atoms("Li2", [[0, 0, 0], [0, 0, np.nan]]), "not finite"),
    "coincident": (Atoms("Li2", [[0, 0, 0], [0, 0, 0]]), "atoms 0 and 1 lie in one place"),
    "charge as text": (Atoms("Li", info={"charge": "+1"}), "field 'charge' is '\\+1'"),
    "charges": (Atoms("Li", info={"charge": [1.0, 0.0]}), "one number"),
    "nan charge": (Atoms("Li", info={"charge": float("nan")}), "one number"),
}


@pytest.mark.parametrize(("atoms", "message"), BAD.values(), ids=BAD.keys())
def test_a_structure_that_means_nothing_is_refused_by_name(atoms, message):
    with pytest.raises(DataError, match=message):
        small_model().graph([atoms])


def test_molecule_numbers_have_to_be_whole_and_one_for_each_atom():
    atoms = water()
    atoms.arrays["molecule"] = np.zeros(3)
    with pytest.raises(DataError, match="molecule"):
        small_model().graph([atoms])


def test_a_batch_of_nothing_is_refused():
    with pytest.raises(DataError, match="no structures"):
        small_model().graph([])


def test_an_element_that_the_model_never_saw_is_refused_by_name():
    with pytest.raises(DataError, match="does not know O; it knows H, Li"):
        small_model(elements=(1, 3)).graph([water()])
    with pytest.raises(DataError, match="does not know U"):
        small_model().graph([Atoms("U")])


WRONG = {
    "features": ({"features": 30}, "'features' is 30"),
    "layers": ({"layers": 1}, "'layers'"),
    "heads": ({"heads": 0}, "'heads'"),
    "cutoff": ({"cutoff": -1.0}, "'cutoff'"),
    "accuracy": ({"ewald_accuracy": 0.5}, "'ewald_accuracy'"),
    "switch": ({"conservative": 1}, "'conservative'"),
    "elements": ({"elements": (92,)}, "'elements'"),
    "dispersion": ({"dispersion": True}, "'elements'"),
    "no c6": ({"dispersion": True, "elements": (1, 6), "dispersion_c6": {1: 2.0}}, "'dispersion_c6' has no .* for C;"),
}


@pytest.mark.parametrize(("values", "message"), WRONG.values(), ids=WRONG.keys())
def test_an_impossible_setting_is_refused_by_name(values, message):
    with pytest.raises(CardError, match=message):
        Settings(**values)


def test_settings_read_back_from_toml_as_they_were():
    import tomllib

    settings = Settings(
        **SIZES | DISPERSION, baseline={1: -13.5, 8: -430.25}, level_of_theory='GFN2-xTB "α"', conservative=False
    )
    text = settings.to_toml()
    assert settings_of(tomllib.loads(text)["settings"]) == settings
    assert settings_of({}) == Settings()
    assert "O = -430.25" in text
    assert SYMBOLS[86] == "Rn"


def test_unknown_settings_and_elements_are_refused_by_name():
    with pytest.raises(CardError, match=r"my\.toml: 'feature' is no field"):
        settings_of({"feature": 3}, "my.toml")
    with pytest.raises(CardError, match="'Xx'"):
        settings_of({"elements": ["Xx"]})
    with pytest.raises(CardError, match=r"my\.toml: 'cutoff'"):
        settings_of({"cutoff": "five"}, "my.toml")


def test_the_force_mode_is_a_setting_and_not_a_weight():
    model = small_model()
    other = GET(replace(model.settings, conservative=False)).double()
    other.network.load_state_dict(model.network.state_dict())
    np.testing.assert_allclose(ask(other, water()).energy, ask(model, water()).energy)
