"""CHGNet's energy and its derivative by the bond vectors, for many crystals in one pass.

Same equations and weights as the package, in another order of work. A layer that reads "both bonds, angle and atom"
is a sum of four matrices, each applied where its input lives: bonds and atoms are multiplied once, and not once for
each of their angles. The last update of the angles is left out, because nothing reads it. Parameters ask for no
gradient unless they are to be trained, and the one derivative that is taken is of first order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chgnet.model import CHGNet
    from torch import Tensor

    from matdisc.models.potentials.chgnet_graph import Graph


@dataclass(frozen=True, slots=True)
class GatedPerceptron:
    """A gated perceptron of the package with its first layer cut into one matrix for each input.

    Attributes:
        parts: One matrix for each input, core and gate side by side, shape (n_in, 2 * n_hidden).
        bias: Shape (2 * n_hidden,).
        second: Weights and biases of core and gate after the first layer; empty where there is one layer only.
        norms: Normalisations of core and gate, or empty.
    """

    parts: tuple[Tensor, ...]
    bias: Tensor
    second: tuple[tuple[Tensor, Tensor], ...]
    norms: tuple[Any, ...]

    @classmethod
    def of(cls, layer: Any, n_inputs: int) -> GatedPerceptron:
        """Cut a `chgnet.model.functions.GatedMLP` that reads `n_inputs` vectors of one size."""
        import torch

        linear = [_linear(layer.mlp_core), _linear(layer.mlp_gate)]
        first = torch.cat([one[0].weight for one in linear]).T
        return cls(
            parts=tuple(part.contiguous() for part in first.chunk(n_inputs)),
            bias=torch.cat([one[0].bias for one in linear]),
            second=tuple((one[1].weight, one[1].bias) for one in linear) if len(linear[0]) == 2 else (),
            norms=() if layer.norm is None else (layer.bn1, layer.bn2),
        )

    def __call__(self, summed: Tensor) -> Tensor:
        """Return the output for the sum of the parts and the bias, shape (n, 2 * n_hidden)."""
        from torch.nn.functional import linear, silu

        if self.second:
            hidden = silu(summed).chunk(2, dim=1)
            core, gate = (linear(x, *layer) for x, layer in zip(hidden, self.second, strict=True))
        else:
            core, gate = summed.chunk(2, dim=1)
        if self.norms:
            core, gate = self.norms[0](core), self.norms[1](gate)
        return silu(core) * gate.sigmoid()


def _linear(mlp: Any) -> list[Any]:
    from torch.nn import Linear

    return [layer for layer in mlp.layers if isinstance(layer, Linear)]


class Network:
    """CHGNet with its layers cut.

    Attributes:
        cutoffs: Longest bond, and longest bond that makes angles, Å.
        n_elements: Elements from hydrogen on that it knows.
    """

    def __init__(self, model: CHGNet, *, frozen: bool = True) -> None:
        """Cut a model of the package; raises ValueError for a variant with layers of another kind.

        Args:
            model: Its parameters are used, not copied.
            frozen: Whether they lose their gradients; else gradients flow through the cut layers to them.
        """
        if not model.mlp_first or model.model_args.get("conv_norm") or model.model_args["non_linearity"] != "silu":
            raise ValueError("this CHGNet sums no energies of atoms, or its layers are of another kind")
        if model.model_args.get("gMLP_norm") not in (None, "layer"):
            raise ValueError("this CHGNet normalises over a batch, so crystals are not independent")
        self.model = model.eval()
        if frozen:
            model.requires_grad_(False)
        self.atom_layers = [(GatedPerceptron.of(x.twoBody_atom, 3), x.mlp_out) for x in model.atom_conv_layers]
        self.bond_layers = [(GatedPerceptron.of(x.twoBody_bond, 4), x.mlp_out) for x in model.bond_conv_layers]
        self.angle_layers = [GatedPerceptron.of(x.twoBody_bond, 4) for x in model.angle_layers]
        self.cutoffs = (float(model.graph_converter.atom_graph_cutoff), float(model.graph_converter.bond_graph_cutoff))
        self.n_elements = int(model.atom_embedding.embedding.num_embeddings)
        self.elements = model.composition_model.fc.weight[0].double()

    def energies(self, g: Graph) -> Tensor:
        """Return the energy of each crystal, eV, double precision, shape (n_crystals,)."""
        each = self.model.mlp(self.features(g)).view(-1).double() + self.elements[g.numbers - 1]
        return each.new_zeros(g.n_crystals).index_add(0, g.owners, each)

    def features(self, g: Graph) -> Tensor:
        """Return what the last layers read the energy of each atom from, shape (n_atoms, n_features)."""
        import torch

        m = self.model
        lengths = torch.linalg.vector_norm(g.vectors, dim=1)
        short = g.vectors[g.short] / lengths[g.short, None]
        basis = m.bond_basis_expansion.rbf_expansion_ag(lengths)
        atoms, bonds, weights = m.atom_embedding(g.numbers - 1), m.bond_embedding(basis), m.bond_weights_ag(basis)
        angles = None
        if len(g.arms):
            inner = m.bond_weights_bg(m.bond_basis_expansion.rbf_expansion_bg(lengths[g.short]))
            left = short.index_select(0, g.arms_first) * g.signs[:, None]
            right = short.index_select(0, g.arms_second)
            angles = m.angle_embedding(m.angle_basis_expansion(left, right))
        for block, (layer, out) in enumerate(self.atom_layers):
            atoms = atoms + out(_to_atoms(layer, g, atoms, bonds, weights))
            if angles is None or block == len(self.bond_layers):
                continue
            layer, out = self.bond_layers[block]
            bonds = _add_to_bonds(g, bonds, out, inner * _to_bonds(layer, g, atoms, bonds, angles, inner))
            if block < len(self.bond_layers) - 1:
                layer = self.angle_layers[block]
                angles = angles + layer(_around_angles(layer, g, atoms, bonds, angles))
        return atoms if m.readout_norm is None else m.readout_norm(atoms)


def _to_atoms(layer: GatedPerceptron, g: Graph, atoms: Tensor, bonds: Tensor, weights: Tensor) -> Tensor:
    """Sum the messages of all directed bonds, there and back, at the atoms where they start."""
    import torch

    centre, bond, neighbour = layer.parts
    summed = (atoms @ centre).index_select(0, g.starts).add_((atoms @ neighbour).index_select(0, g.ends))
    both = summed.view(2, len(bonds), -1).add_(torch.addmm(layer.bias, bonds, bond))
    messages = layer(both.view_as(summed)).view(2, *weights.shape) * weights
    return torch.zeros_like(atoms).index_add(0, g.starts, messages.view(-1, weights.shape[1]))


def _around_angles(layer: GatedPerceptron, g: Graph, atoms: Tensor, bonds: Tensor, angles: Tensor) -> Tensor:
    """Sum what a layer reads of both bonds, the angle and the atom at its corner."""
    import torch

    short = bonds.index_select(0, g.short)
    one, other, own, corner = layer.parts
    at_corner = torch.addmm(layer.bias, atoms, corner).index_select(0, g.corners)
    first_arm = (short @ one).index_select(0, g.arm_bonds).add_(at_corner)
    summed = (short @ other).index_select(0, g.arms_second)
    return summed.add_(first_arm.index_select(0, g.arms)).addmm_(angles, own)


def _to_bonds(layer: GatedPerceptron, g: Graph, atoms: Tensor, bonds: Tensor, angles: Tensor, inner: Tensor) -> Tensor:
    """Sum the messages of all angles at their first bonds."""
    messages = layer(_around_angles(layer, g, atoms, bonds, angles)) * inner.index_select(0, g.arms_second)
    return messages.new_zeros(len(g.short), messages.shape[1]).index_add(0, g.arms_first, messages)


def _add_to_bonds(g: Graph, bonds: Tensor, out: Any, summed: Tensor) -> Tensor:
    """Return the bonds with the messages of their angles; a constant goes to every bond of a crystal with angles."""
    linear = _linear(out)[0]
    bonds = bonds.index_add(0, g.short, summed @ linear.weight.T)
    return bonds if linear.bias is None else bonds + linear.bias * g.bent[:, None]
