"""A model is read back as it was written, and nothing else is taken for it."""

import hashlib
import pickle
import re
import shutil

import numpy as np
import pytest
import torch
from get_examples import ask, small_model, water

from matdisc.errors import CardError, DataError
from matdisc.models.get.files import DESCRIPTION, WEIGHTS, describe, load, read, save


@pytest.fixture
def folder(tmp_path):
    save(tmp_path / "mine", small_model(elements=(1, 8)), about={"recipe": "none", "seed": 0, "note": 'α "quoted"'})
    return tmp_path / "mine"


def test_a_model_gives_the_same_numbers_after_saving_and_loading(folder):
    again = load(folder, dtype=torch.float64)
    one, other = ask(small_model(elements=(1, 8)), water()), ask(again, water())
    assert float(one.energy) == float(other.energy)
    assert torch.equal(one.forces, other.forces)
    assert again.settings.elements == (1, 8)


def test_weights_load_in_single_precision_unless_asked_otherwise(folder):
    assert load(folder).dtype == torch.float32


def test_what_the_model_is_about_is_written_for_people(folder):
    content = describe(folder)
    assert content["about"] == {"recipe": "none", "seed": 0, "note": 'α "quoted"'}
    assert content["weights"]["parameters"] == sum(p.numel() for p in small_model().network.parameters())
    assert 'elements = ["H", "O"]' in (folder / DESCRIPTION).read_text()


def test_saving_twice_gives_the_same_bytes(folder, tmp_path):
    save(tmp_path / "again", small_model(elements=(1, 8)), about={"recipe": "none", "seed": 0, "note": 'α "quoted"'})
    for name in (DESCRIPTION, WEIGHTS):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


def test_weights_that_are_not_those_described_are_refused(folder, tmp_path):
    save(tmp_path / "other", small_model(seed=5), about={})
    shutil.copy(tmp_path / "other" / WEIGHTS, folder / WEIGHTS)
    with pytest.raises(DataError, match=r"has sha256 .*, model\.toml says"):
        load(folder)


def test_a_pickle_is_never_opened(folder):
    data = pickle.dumps({"edge.weight": np.zeros(3)})
    (folder / WEIGHTS).write_bytes(data)
    _set_hash(folder, data)
    with pytest.raises(DataError, match="no safetensors file"):
        load(folder)


def test_settings_of_another_size_are_refused_by_the_weight_that_does_not_fit(folder):
    text = (folder / DESCRIPTION).read_text()
    (folder / DESCRIPTION).write_text(text.replace("radial = 8", "radial = 9"))
    with pytest.raises(DataError, match=r"'edge.weight' has shape \(16, 8\), .* want \(16, 9\)"):
        read(folder)


def test_missing_and_damaged_files_are_named(folder, tmp_path):
    with pytest.raises(DataError, match="nowhere"):
        load(tmp_path / "nowhere")
    (folder / WEIGHTS).unlink()
    with pytest.raises(DataError, match=WEIGHTS):
        load(folder)
    (folder / DESCRIPTION).write_text("format = ")
    with pytest.raises(DataError, match="cannot be read"):
        load(folder)
    (folder / DESCRIPTION).write_text("format = 2")
    with pytest.raises(DataError, match="'format' is 2"):
        load(folder)


def test_an_impossible_setting_is_named_with_its_file(folder):
    text = (folder / DESCRIPTION).read_text()
    (folder / DESCRIPTION).write_text(text.replace("heads = 4", "heads = 5"))
    with pytest.raises(CardError, match=r"model.toml: 'features' is 16"):
        load(folder)


def _set_hash(folder, data):
    text = (folder / DESCRIPTION).read_text()
    digest = hashlib.sha256(data).hexdigest()
    (folder / DESCRIPTION).write_text(re.sub(r'sha256 = "\w+"', f'sha256 = "{digest}"', text))
