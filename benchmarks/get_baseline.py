"""GET the plain way: one tensor entry for every directed edge, in torch, written from the equations for comparison.

Full directed lists for every interaction, messages of all edges at once, and two backward passes: one of the network's
energy, one of the charges weighted with dE/dq. The same mathematics as the fast path, float32 in the network.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import layer_norm, linear, silu, softplus

from matdisc.models.get.reference.dispersion import A2, A4, SWITCH, beyond_switch, coefficients
from matdisc.models.get.settings import Settings
from matdisc.units import BOHR, COULOMB


@dataclass(frozen=True, slots=True)
class Lists:
    """Directed neighbour lists of a box, made beforehand and not timed.

    Attributes:
        near, far: Receiver and sender of edges, within the network's cutoff and within that of the pair terms.
        near_shift, far_shift: What to take off x[receiver] - x[sender], Å.
        waves: Reciprocal vectors, one of k and -k, 1/Å, shape (m, 3).
        g: Ewald's width, 1/Å.
        reach: Where its real-space sum ends, Å.
    """

    near: Tensor
    far: Tensor
    near_shift: Tensor
    far_shift: Tensor
    waves: Tensor
    g: float
    reach: float


class Baseline:
    """Evaluates one box; weights and lists are converted once."""

    def __init__(self, state: Mapping[str, NDArray[Any]], settings: Settings, numbers: NDArray[np.int64]) -> None:
        self.settings = settings
        self.w = {name: torch.tensor(value) for name, value in state.items()}
        self.numbers = torch.tensor(numbers)
        strengths, radii = (torch.tensor(values) for values in coefficients(settings))
        self.strengths, self.radii = strengths[self.numbers], radii[self.numbers]

    def evaluate(self, positions: Tensor, cell: Tensor, lists: Lists, *, waves: bool = True) -> tuple[float, Tensor]:
        """Return energy (eV) and forces (eV/Å); without `waves` the reciprocal sum is left out."""
        i, j = lists.near
        vectors = (positions[i] - positions[j] - lists.near_shift).float().requires_grad_()
        energies, raw, chi, eta = self._network(vectors, lists.near)
        charges = (raw - raw.mean()).double()
        q = charges.detach()
        long, slope, forces = self._long_range(positions, cell, q, lists, waves)
        chi2, eta2 = chi.detach().double().square(), eta.detach().double().square()
        slope = slope + chi2 + 2 * eta2 * q
        (network,) = torch.autograd.grad(energies.sum(), vectors, retain_graph=True)
        (pull,) = torch.autograd.grad((charges * slope).sum(), vectors)
        on_edges = (network + pull).double()
        forces = forces.index_add(0, i, -on_edges).index_add(0, j, on_edges)
        total = energies.detach().double().sum() + long + (chi2 * q + eta2 * q * q).sum()
        return float(total), forces

    def _network(self, vectors: Tensor, index: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        w, settings = self.w, self.settings
        n, d, h = len(self.numbers), settings.features, settings.heads
        i, j = index
        r = vectors.norm(dim=1)
        u = vectors / r[:, None]
        fade = 0.5 * (torch.cos(math.pi * r / settings.cutoff) + 1)
        bumps = torch.exp(-w["radial.beta"] * (torch.exp(-5 / settings.cutoff * r)[:, None] - w["radial.mu"]) ** 2)
        e = silu(linear(fade[:, None] * bumps, w["edge.weight"])).view(-1, h, d // h)
        embedded = x = w["embedding.weight"][self.numbers]
        big = torch.zeros(n, 3, d)
        for k in range(settings.layers):
            name = f"layers.{k}."
            normal = layer_norm(x, (d,), w[name + "norm.weight"], w[name + "norm.bias"])
            q, keys, v = linear(normal, w[name + "qkv.weight"], w[name + "qkv.bias"]).view(n, 3, h, d // h).unbind(1)
            sent = v[j] * e
            attention = silu((q[i] * keys[j]).sum(dim=2)) * fade[:, None]
            m = torch.zeros(n, h, d // h).index_add(0, i, attention[:, :, None] * sent).view(n, d)
            last = k == settings.layers - 1
            if not last:
                spread = u[:, :, None, None] * sent[:, None]
                new = torch.zeros(n, 3, h, d // h).index_add(0, i, spread).view(n, 3, d)
            mixed = linear(m, w[name + "mix.weight"], w[name + "mix.bias"])
            if k == 0:
                x, big = x + mixed, new
                continue
            parts = linear(big, w[name + "vector.weight"]).split(d, dim=2)
            o = mixed.split(d, dim=1)
            x = x + (parts[0] * parts[1]).sum(dim=1) * o[-2] + o[-1]
            if not last:
                big = big + parts[2] * o[0][:, None] + new
        heads = [self._head(name, x) for name in ("energy", "charge")]
        heads += [self._head(name, embedded) for name in ("electronegativity", "hardness")]
        return heads[0], 2 * torch.tanh(heads[1] / 2), heads[2], heads[3]

    def _head(self, name: str, x: Tensor) -> Tensor:
        w = self.w
        for k in (0, 2):
            x = silu(linear(x, w[f"heads.{name}.{k}.weight"], w[f"heads.{name}.{k}.bias"]))
        return linear(x, w[f"heads.{name}.4.weight"], w[f"heads.{name}.4.bias"])[:, 0]

    def _long_range(
        self, positions: Tensor, cell: Tensor, q: Tensor, lists: Lists, waves: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return Coulomb and dispersion energy, dE/dq at fixed positions and forces at fixed charges."""
        settings, g = self.settings, lists.g
        i, j = lists.far
        d = positions[i] - positions[j] - lists.far_shift
        r = d.norm(dim=1)
        t = r / settings.coulomb_radius - 1
        soft = 1 + softplus(t, beta=settings.coulomb_beta, threshold=40)
        damped = 1 / (settings.coulomb_radius * soft)
        gate = torch.sigmoid(settings.coulomb_beta * t)
        long = torch.erf(g * r) / r
        inside = r < lists.reach
        unit = torch.where(inside, COULOMB * (damped - long), 0.0)
        fall = -gate / (settings.coulomb_radius * soft) ** 2
        fall = fall + long / r - 2 * g / math.sqrt(math.pi) * torch.exp(-((g * r) ** 2)) / r
        along = torch.where(inside, -COULOMB * q[i] * q[j] * fall, 0.0)
        slope = torch.zeros_like(q).index_add(0, i, unit * q[j])
        energy = 0.5 * (slope * q).sum()
        if settings.dispersion:
            c6 = self.strengths[i] * self.strengths[j]
            near = torch.sigmoid((A2 * self.radii[i] * self.radii[j] - r) / BOHR)
            core = -c6 / (r**6 + A4**6)
            v = core * (1 + settings.dispersion_a1 * near)
            dv = -6 * r**5 / (r**6 + A4**6) * v - core * settings.dispersion_a1 * near * (1 - near) / BOHR
            s = ((r - SWITCH[0]) / (SWITCH[1] - SWITCH[0])).clamp(0, 1)
            fading = 1 - s**3 * (10 - 15 * s + 6 * s**2)
            energy = (
                energy + 0.5 * (v * fading).sum() + beyond_switch(self.strengths.sum(), torch.linalg.det(cell).abs())
            )
            along = along - dv * fading + v * 30 * s**2 * (1 - s) ** 2 / (SWITCH[1] - SWITCH[0])
        forces = torch.zeros_like(positions).index_add(0, i, (along / r)[:, None] * d)
        own = COULOMB * g / math.sqrt(math.pi)
        energy, slope = energy - own * (q @ q), slope - 2 * own * q
        if waves:
            phase = positions @ lists.waves.T
            cos, sin = torch.cos(phase), torch.sin(phase)
            real, imaginary = q @ cos, q @ sin
            square = lists.waves.square().sum(dim=1)
            weight = 4 * math.pi * COULOMB / torch.linalg.det(cell).abs() * torch.exp(-square / (4 * g * g)) / square
            energy = energy + (weight * (real**2 + imaginary**2)).sum()
            slope = slope + 2 * (cos @ (weight * real) + sin @ (weight * imaginary))
            turned = sin * (weight * real) - cos * (weight * imaginary)
            forces = forces + 2 * q[:, None] * (turned @ lists.waves)
        return energy, slope, forces
