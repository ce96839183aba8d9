"""A model as two files: `model.toml` for people, `weights.safetensors` for numbers; neither runs code when opened."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as read_tensors
from safetensors.torch import save as write_tensors

from matdisc.atomic import write_whole
from matdisc.errors import DataError
from matdisc.models.get.potential import GET
from matdisc.models.get.settings import settings_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

DESCRIPTION, WEIGHTS = "model.toml", "weights.safetensors"
FORMAT = 1


def save(folder: Path, model: GET, *, about: Mapping[str, str | int | float | bool]) -> None:
    """Write a model into a folder; the weights keep their type.

    Args:
        folder: Made if it does not exist; files of an older model in it are replaced.
        model: The model.
        about: What else the description should say, such as the recipe and the seed.
    """
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.network.state_dict().items()}
    data = write_tensors(weights)
    lines = [
        f"format = {FORMAT}",
        "",
        "[weights]",
        f"file = {json.dumps(WEIGHTS)}",
        f'sha256 = "{hashlib.sha256(data).hexdigest()}"',
        f"parameters = {sum(tensor.numel() for tensor in weights.values())}",
        "",
        model.settings.to_toml(),
        "[about]",
        *(f"{json.dumps(name)} = {json.dumps(value, ensure_ascii=False)}" for name, value in about.items()),
    ]
    write_whole(Path(folder) / WEIGHTS, data)
    write_whole(Path(folder) / DESCRIPTION, ("\n".join(lines) + "\n").encode())


def load(folder: Path, *, dtype: torch.dtype = torch.float32, device: Any = "cpu") -> GET:
    """Return the model in a folder, weights in a dtype.

    Raises:
        DataError: If a file is missing, damaged, of another format, or the weights are not those described.
        CardError: If a setting is impossible.
    """
    description = describe(folder)
    path = Path(folder) / DESCRIPTION
    settings = settings_of(description.get("settings", {}), str(path))
    weights = _weights(Path(folder) / WEIGHTS, description["weights"]["sha256"])
    model = GET(settings)
    expected = {name: tuple(tensor.shape) for name, tensor in model.network.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if expected != found:
        wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
        raise DataError(
            f"{Path(folder) / WEIGHTS}: {wrong[0]!r} has shape {found.get(wrong[0])}, the settings in {DESCRIPTION} "
            f"want {expected.get(wrong[0])}; take both files from one place"
        )
    model.network.load_state_dict(weights)
    return model.to(device=device, dtype=dtype)


def describe(folder: Path) -> dict[str, Any]:
    """Return the description of the model in a folder, as it is written; errors as `load`."""
    path = Path(folder) / DESCRIPTION
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file; name a folder that `matdisc train get` has written") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as err:
        raise DataError(f"{path}: cannot be read: {err}") from err
    if content.get("format") != FORMAT:
        raise DataError(f"{path}: 'format' is {content.get('format')!r}, this version reads {FORMAT}")
    if not isinstance(content.get("weights", {}).get("sha256"), str):
        raise DataError(f"{path}: the table [weights] lacks 'sha256', the hash of {WEIGHTS}")
    return content


def state_of(model: GET) -> dict[str, NDArray[Any]]:
    """Return the weights as arrays, by the names in the file; what `fast.Evaluator` takes."""
    return {name: tensor.detach().cpu().numpy() for name, tensor in model.network.state_dict().items()}


def _weights(path: Path, sha256: str) -> dict[str, torch.Tensor]:
    try:
        data = path.read_bytes()
    except OSError as err:
        raise DataError(f"{path}: cannot be read: {err}; it belongs beside {DESCRIPTION}") from err
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise DataError(f"{path}: has sha256 {found}, {DESCRIPTION} says {sha256}; take both files from one place")
    try:
        weights: dict[str, torch.Tensor] = read_tensors(data)
    except SafetensorError as err:
        raise DataError(f"{path}: is no safetensors file: {err}") from err
    return weights
