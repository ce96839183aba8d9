"""A model as two files: `model.toml` for people, `weights.safetensors` for numbers; neither runs code when opened."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matdisc.atomic import write_atomic
from matdisc.errors import DataError, ExtraError
from matdisc.models.get.settings import HEADS, MAX_NUMBER, Settings, settings_of

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from matdisc.models.get.reference.potential import GET

DESCRIPTION, WEIGHTS = "model.toml", "weights.safetensors"
REMEDY = f"copy {DESCRIPTION} and {WEIGHTS} anew from one place, or train again (matdisc train get)"
FORMAT = 1


def save(folder: Path, model: GET, *, about: Mapping[str, str | int | float | bool]) -> None:
    """Write a model into a folder; the weights keep their type.

    Args:
        folder: Made if it does not exist; files of an older model in it are replaced.
        model: The model.
        about: What else the description should say, such as the recipe and the seed.
    """
    from safetensors.numpy import save as to_bytes

    weights = state_of(model)
    data = to_bytes(weights)
    lines = [
        f"format = {FORMAT}",
        "",
        "[weights]",
        f"file = {json.dumps(WEIGHTS)}",
        f'sha256 = "{hashlib.sha256(data).hexdigest()}"',
        f"parameters = {sum(array.size for array in weights.values())}",
        "",
        model.settings.to_toml(),
        "[about]",
        *(f"{json.dumps(name)} = {json.dumps(value, ensure_ascii=False)}" for name, value in about.items()),
    ]
    write_atomic(Path(folder) / WEIGHTS, data)
    write_atomic(Path(folder) / DESCRIPTION, ("\n".join(lines) + "\n").encode())


def load(folder: Path, *, dtype: torch.dtype | None = None, device: Any = "cpu") -> GET:
    """Return the model in a folder, weights in a dtype (default: single precision).

    Raises:
        DataError: If a file is missing, damaged, of another format, or the weights are not those described.
        CardError: If a setting is impossible.
    """
    import torch

    from matdisc.models.get.reference.potential import GET

    settings, weights = read(folder)
    model = GET(settings)
    model = model.to(device=device, dtype=dtype or torch.float32)
    model.network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    return model


def read(folder: Path) -> tuple[Settings, dict[str, NDArray[Any]]]:
    """Return settings and weights of the model in a folder, without torch; errors as `load`."""
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load as from_bytes
    except ImportError as err:
        raise ExtraError("reading weights needs the package 'safetensors'; run: pip install 'matdisc[ml]'") from err
    description = describe(folder)
    settings = _settings(description.get("settings", {}), str(Path(folder) / DESCRIPTION))
    path = Path(folder) / WEIGHTS
    try:
        weights: dict[str, NDArray[Any]] = from_bytes(_checked(path, description["weights"]["sha256"]))
    except SafetensorError as err:
        raise DataError(f"{path}: is no safetensors file: {err}; {REMEDY}") from err
    expected, found = shapes(settings), {name: array.shape for name, array in weights.items()}
    if expected != found:
        wrong = min(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
        raise DataError(
            f"{path}: {wrong!r} has shape {found.get(wrong)}, the settings in {DESCRIPTION} want "
            f"{expected.get(wrong)}; {REMEDY}"
        )
    return settings, weights


def shapes(settings: Settings) -> dict[str, tuple[int, ...]]:
    """Return the shape of every weight of a network, by name."""
    width, half, last = settings.features, settings.features // 2, settings.layers - 1
    found: dict[str, tuple[int, ...]] = {
        "embedding.weight": (MAX_NUMBER + 1, width),
        "radial.mu": (settings.radial,),
        "radial.beta": (settings.radial,),
        "edge.weight": (width, settings.radial),
    }
    for layer in range(settings.layers):
        mixed = 1 if layer == 0 else 2 if layer == last else 3
        parts = {"norm": (width,), "qkv": (3 * width, width), "mix": (mixed * width, width)}
        for name, shape in parts.items():
            found[f"layers.{layer}.{name}.weight"], found[f"layers.{layer}.{name}.bias"] = shape, shape[:1]
        if layer > 0:
            found[f"layers.{layer}.vector.weight"] = (mixed * width, width)
    for head in HEADS:
        for place, shape in ((0, (half, width)), (2, (half, half)), (4, (1, half))):
            found[f"heads.{head}.{place}.weight"], found[f"heads.{head}.{place}.bias"] = shape, shape[:1]
    return found


def describe(folder: Path) -> dict[str, Any]:
    """Return the description of the model in a folder, as it is written; errors as `load`."""
    path = Path(folder) / DESCRIPTION
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file; name a folder that `matdisc train get` has written") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as err:
        raise DataError(f"{path}: cannot be read: {err}; {REMEDY}") from err
    if content.get("format") != FORMAT:
        raise DataError(f"{path}: 'format' is {content.get('format')!r}, this version reads {FORMAT}; {REMEDY}")
    weights = content.get("weights")
    if not isinstance(weights, dict) or not isinstance(weights.get("sha256"), str):
        raise DataError(f"{path}: the table [weights] lacks 'sha256', the hash of {WEIGHTS}; {REMEDY}")
    return content


def state_of(model: GET) -> dict[str, NDArray[Any]]:
    """Return the weights as arrays, by the names in the file; what `fast.Evaluator` takes."""
    return {name: tensor.detach().cpu().contiguous().numpy() for name, tensor in model.network.state_dict().items()}


def _settings(content: Any, where: str) -> Settings:
    try:
        return settings_of(content, where)
    except (TypeError, ValueError, AttributeError) as err:
        raise DataError(f"{where}: the table [settings] is damaged ({err}); {REMEDY}") from err


def _checked(path: Path, sha256: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as err:
        raise DataError(f"{path}: cannot be read: {err}; it belongs beside {DESCRIPTION}: {REMEDY}") from err
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise DataError(
            f"{path}: is damaged, or of another model: it has sha256 {found}, {DESCRIPTION} says {sha256}; {REMEDY}"
        )
    return data
