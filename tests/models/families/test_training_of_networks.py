"""Training a network: a killed run ends with the same weights, groups stay whole, the best epoch wins."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="families of networks need torch")

from matdisc.models.families.neural import Recipe, kept_apart, predict, train  # noqa: E402

RECIPE = Recipe(epochs=12, batch=8, rate=0.05, every=1)
X = np.random.default_rng(0).normal(size=(60, 3))
ENERGIES = X @ np.array([1.0, -2.0, 0.5]) + 3.0
GROUPS = [f"system-{i // 3}" for i in range(60)]


class Linear(torch.nn.Module):
    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.layer = torch.nn.Linear(3, 1)
        self.dropout = torch.nn.Dropout(0.1)

    def forward(self, batch):
        return self.layer(self.dropout(batch)).squeeze(-1)


def _collate(places):
    return torch.tensor(X[places], dtype=torch.float32)


def _weights(net):
    return {name: value.tolist() for name, value in net.state_dict().items()}


class Killed(Exception):
    pass


def test_a_killed_training_goes_on_to_the_same_weights(tmp_path):
    whole = Linear()
    train(whole, _collate, ENERGIES, GROUPS, RECIPE, 0, tmp_path / "whole")
    steps = 0

    def dying(places):
        nonlocal steps
        steps += 1
        if steps == 40:
            raise Killed
        return _collate(places)

    halved = Linear()
    with pytest.raises(Killed):
        train(halved, dying, ENERGIES, GROUPS, RECIPE, 0, tmp_path / "halved")
    assert (tmp_path / "halved" / "checkpoint.pt").is_file()
    resumed, asked = Linear(seed=99), 0

    def counting(places):
        nonlocal asked
        asked += 1
        return _collate(places)

    train(resumed, counting, ENERGIES, GROUPS, RECIPE, 0, tmp_path / "halved")
    assert _weights(resumed) == _weights(whole)
    assert 40 < asked + 40 < 150


def test_finished_weights_are_loaded_and_not_trained_again(tmp_path):
    first = Linear()
    train(first, _collate, ENERGIES, GROUPS, RECIPE, 0, tmp_path)

    def never(places):
        raise AssertionError("asked for a batch")

    second = Linear(seed=5)
    train(second, never, ENERGIES, GROUPS, RECIPE, 0, tmp_path)
    assert _weights(second) == _weights(first)


@pytest.mark.parametrize("file", ["weights.pt", "checkpoint.pt"])
def test_a_damaged_file_is_passed_over(tmp_path, file):
    whole, again = Linear(), Linear()
    train(whole, _collate, ENERGIES, GROUPS, RECIPE, 0, tmp_path / "whole")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / file).write_bytes(b"no weights")
    train(again, _collate, ENERGIES, GROUPS, RECIPE, 0, tmp_path / "damaged")
    assert _weights(again) == _weights(whole)


def test_a_line_is_learnt_and_predicted_in_its_own_units(tmp_path):
    net = Linear()
    net.dropout.p = 0.0
    scale = train(net, _collate, ENERGIES, GROUPS, Recipe(epochs=200, batch=20, rate=0.05), 0, tmp_path)
    assert predict(net, _collate, 60, scale, batch=7) == pytest.approx(ENERGIES, abs=0.1)


def test_groups_are_kept_apart_whole_and_never_all_of_them():
    apart = kept_apart(GROUPS, 0.3, 0)
    assert 0 < apart.sum() < 60
    assert all(len(set(apart[3 * i : 3 * i + 3])) == 1 for i in range(20))
    assert not kept_apart(["a", "a"], 1.0, 0).any()
    assert (kept_apart(GROUPS, 0.3, 0) != kept_apart(GROUPS, 0.3, 1)).any()
