"""The compiled convolution is e3nn's tensor product, summed over neighbours, and so is its gradient."""

import pytest

pytest.importorskip("e3nn", reason="needs the package e3nn (with matdisc[sevennet] or matdisc[mace])")
pytest.importorskip("numba")

import torch
from e3nn import o3

from matdisc.models.potentials.convolution import convolution_of

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # e3nn warns of itself
FEATURES, HARMONICS = o3.Irreps("12x0e+4x1o+6x2e"), o3.Irreps("1x0e+1x1o+1x2e")


def product(features=FEATURES, harmonics=HARMONICS, mode="uvu"):
    """Every path up to degree 2."""
    paths = [(i, j, one, mul) for i, (mul, left) in enumerate(features) for j, (_, right) in enumerate(harmonics)
             for one in left * right if one.l <= 2]  # fmt: skip
    out = [(mul, one) for _, _, one, mul in paths]
    instructions = [(i, j, k, mode, True) for k, (i, j, _, _) in enumerate(paths)]
    return o3.TensorProduct(features, harmonics, out, instructions, shared_weights=False, internal_weights=False)


@pytest.mark.parametrize("both_ways", [False, True])
@pytest.mark.parametrize(("dtype", "noise"), [(torch.float32, 1e-5), (torch.float64, 1e-6)])  # e3nn's couplings: single
def test_sums_and_gradients_are_those_of_e3nn(both_ways, dtype, noise):
    torch.manual_seed(0)
    theirs, ours = product().to(dtype), convolution_of(product())
    sizes = (5, FEATURES.dim), (30, HARMONICS.dim), (30, theirs.weight_numel)
    x, y, w = (torch.randn(*size, dtype=dtype, requires_grad=True) for size in sizes)
    to, by = torch.randint(5, (2, 30))
    wanted = torch.zeros(5, theirs.irreps_out.dim, dtype=dtype).index_add(0, to, theirs(x[by], y, w))
    if both_ways:
        turned = torch.cat([torch.full((one.dim,), (-1.0) ** one.l, dtype=dtype) for _, one in HARMONICS])
        wanted = wanted.index_add(0, by, theirs(x[to], y * turned, w))
    found = ours(x, y, w, to, by, both_ways=both_ways)
    torch.testing.assert_close(found, wanted, rtol=0, atol=noise)
    weights = torch.randn_like(wanted)
    gradients = (torch.autograd.grad((sums * weights).sum(), [x, y, w]) for sums in (found, wanted))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=5 * noise)


def test_an_atom_without_neighbours_receives_nothing():
    ours = convolution_of(product())
    none = torch.zeros(0, dtype=torch.int64)
    harmonics, weights = torch.zeros(0, HARMONICS.dim), torch.zeros(0, product().weight_numel)
    assert not ours(torch.ones(2, FEATURES.dim), harmonics, weights, none, none, both_ways=True).any()


def test_products_of_another_kind_are_left_to_e3nn():
    assert convolution_of(product(harmonics=o3.Irreps("2x0e+1x1o"), mode="uvu")) is None
    assert convolution_of(o3.FullyConnectedTensorProduct("4x0e", "1x0e", "4x0e")) is None
