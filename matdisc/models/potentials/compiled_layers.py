"""SevenNet and MACE with their convolutions compiled; every other layer stays the package's own."""

from __future__ import annotations

from typing import Any

import torch

from matdisc.models.potentials.convolution import Convolution, Radial, convolution_of


class _OfSevenNet(torch.nn.Module):
    """In place of a `sevenn.nn.convolution.IrrepsConvolution`, for edges listed once."""

    def __init__(self, layer: Any, tables: Convolution) -> None:
        super().__init__()
        self.tables, self.radial, self.denominator = tables, Radial(layer.weight_nn), layer.denominator
        self.keys = layer.key_x, layer.key_filter, layer.key_weight_input, layer.key_edge_idx

    def forward(self, data: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        features, harmonics, lengths, edges = (data[key] for key in self.keys)
        sums = self.tables(features, harmonics, self.radial(lengths), *edges, both_ways=True)
        data[self.keys[0]] = sums / self.denominator
        return data


class _OfMace(torch.nn.Module):
    """In place of the tensor product of an interaction of MACE, which then leaves the sum to it."""

    def __init__(self, tables: Convolution) -> None:
        super().__init__()
        self.tables = tables

    def forward(
        self, features: torch.Tensor, harmonics: torch.Tensor, weights: torch.Tensor, edges: torch.Tensor
    ) -> torch.Tensor:
        """Return the sums over the neighbours of each atom; MACE lists senders first."""
        return self.tables(features, harmonics, weights, edges[1], edges[0], both_ways=False)


def compile_sevennet(network: Any) -> bool:
    """Compile the convolutions of a frozen network in place; it then wants each edge once. False changes nothing."""
    found = {name: layer for name, layer in network.named_children() if hasattr(layer, "weight_nn")}
    tables = {name: made for name, layer in found.items() if (made := convolution_of(layer.convolution))}
    if len(tables) < len(found):
        return False
    for name, layer in found.items():
        network.replace_module(name, _OfSevenNet(layer, tables[name]))
    return True


def compile_mace(network: Any) -> None:
    """Compile the convolutions of a frozen network in place, where they multiply channel by channel."""
    from e3nn.nn import FullyConnectedNet
    from e3nn.o3 import TensorProduct

    for layer in network.interactions:
        product = getattr(layer, "conv_tp", None)
        tables = convolution_of(product) if isinstance(product, TensorProduct) else None
        if tables is None or hasattr(layer, "conv_fusion"):
            continue
        layer.conv_tp, layer.conv_fusion = _OfMace(tables), True
        if isinstance(layer.conv_tp_weights, FullyConnectedNet):
            layer.conv_tp_weights = Radial(layer.conv_tp_weights)
