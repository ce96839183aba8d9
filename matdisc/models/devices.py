"""Which device a model computes on, and how its products are rounded: what the card asks for, and what is there."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from inspect import Parameter, signature
from typing import Any

from matdisc.cards import ModelCard
from matdisc.errors import CardError

HIDING = "CUDA_VISIBLE_DEVICES"
"""Names the GPUs that a process may see; Ray sets it for each of its workers."""


def device_of(card: ModelCard) -> str:
    """Return the torch device that a model computes on in this process.

    `auto` is `cuda` if the card asks for `gpus` and this process sees one, as a worker does that Ray has given one;
    else `cpu`. `mps` and devices with a number have to be named.

    Raises:
        CardError: If a device is named that torch cannot use here.
    """
    device = card.wanted_device
    if device == "auto":
        return "cuda" if card.gpus and _sees_gpu() else "cpu"
    refuse_missing(device)
    return device


def refuse_missing(device: str) -> None:
    """Do nothing if torch can compute on a device; else raise CardError with the reason and what to do."""
    if device == "cpu":
        return
    import torch

    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as err:  # torch built without CUDA asserts
        hidden = f"; {HIDING} is {os.environ[HIDING]!r}" if HIDING in os.environ else ""
        raise CardError(
            f"'device' is {device!r}, which torch cannot use here ({str(err).splitlines()[0][:120]}{hidden}); choose "
            "'cpu' or 'auto' on the card or with `predict --device`, or install a torch for this machine's GPU. A "
            "worker gets a GPU where Ray knows of one"
        ) from err


def device_option(card: ModelCard, loader: Callable[..., Any]) -> dict[str, str]:
    """Return the option `device` for a loader that takes one, else nothing.

    A loader that takes options of any name hears of a GPU only.

    Raises:
        CardError: If a device is named that torch cannot use here, or a GPU for a loader that takes no device.
    """
    device, taken = device_of(card), _parameters(loader)
    if any(one.name == "device" for one in taken):
        return {"device": device}
    if any(one.kind is Parameter.VAR_KEYWORD for one in taken):
        return {"device": device} if device != "cpu" or "device" in card.options else {}
    if card.wanted_device not in ("auto", "cpu"):
        raise CardError(
            f"'device' is {device!r}, but the loader {card.loader!r} takes no option 'device'; choose 'cpu'"
        )
    return {}


def round_products(precision: str) -> None:
    """Let torch, if it is in use, round products of float32 as a card says: `float32`, or `tf32` on a GPU.

    It holds for this whole process.
    """
    if torch := sys.modules.get("torch"):
        torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
        torch.backends.cudnn.allow_tf32 = precision == "tf32"


def rounds_products() -> bool:
    """Whether somebody has let torch round matrix products of float32 to fewer digits in this process."""
    torch = sys.modules.get("torch")
    try:
        return torch is not None and torch.get_float32_matmul_precision() != "highest"
    except RuntimeError:  # set by torch's newer names, which the older ones then refuse to read
        return True


def gpu_in_use() -> str | None:
    """Return name and memory of the GPU that this process computes on, as `NVIDIA L4, 22.0 GiB`; None without one.

    Several are joined by ` + `. A GPU that is there and idle is none.
    """
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return None
    used = [number for number in range(torch.cuda.device_count()) if torch.cuda.memory_allocated(number)]
    found = [torch.cuda.get_device_properties(number) for number in used]
    return " + ".join(f"{gpu.name}, {gpu.total_memory / 2**30:.1f} GiB" for gpu in found) or None


def _parameters(loader: Callable[..., Any]) -> list[Parameter]:
    try:
        return list(signature(loader).parameters.values())
    except ValueError:  # of a type written in C, which does not tell
        return []


def _sees_gpu() -> bool:
    import torch

    return bool(torch.cuda.is_available())
