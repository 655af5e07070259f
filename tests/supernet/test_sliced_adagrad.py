import pytest
import torch
from torch import Tensor, nn

from dagsmith.supernet import WeightBank
from dagsmith.supernet.operators import Weight
from dagsmith.supernet.plan import Plan
from dagsmith.supernet.sliced_adagrad import SlicedAdagrad, clip_gradients

FULL = {"matrix": Weight((6, 5), (5, 6)), "bias": Weight((6,)), "unused": Weight((3,), None, 1.0)}


def plan(**shapes: tuple[int, ...]) -> Plan:
    weights = {name: Weight(shape) for name, shape in shapes.items()}
    return Plan((), weights, None, None, 0, None, ())


def loss(matrix: Tensor, bias: Tensor, step: int) -> Tensor:
    inputs = torch.randn(7, matrix.shape[1], generator=torch.Generator().manual_seed(step))
    return torch.tanh(inputs @ matrix.T + bias).square().sum()


def test_full_slices_take_the_steps_of_torch_adagrad() -> None:
    bank = WeightBank(FULL, 0, torch.device("cpu"))
    sliced = SlicedAdagrad(bank, eps=1e-2)
    weights = {name: nn.Parameter(bank.tensors[name].clone()) for name in ("matrix", "bias")}
    reference = torch.optim.Adagrad(weights.values(), lr=1.0, eps=1e-2)
    for step in range(6):
        rate = 0.2 / (1 + step)
        leaves = bank.slices(plan(matrix=(6, 5), bias=(6,)))
        loss(leaves["matrix"], leaves["bias"], step).backward()
        sliced.step(leaves, rate)
        reference.param_groups[0]["lr"] = rate
        reference.zero_grad()
        loss(weights["matrix"], weights["bias"], step).backward()
        reference.step()
        for name, weight in weights.items():
            torch.testing.assert_close(bank.tensors[name], weight.detach())
            torch.testing.assert_close(sliced.sums[name], reference.state[weight]["sum"])


def test_changing_slices_are_a_masked_adagrad() -> None:
    """Where the slice does not reach, weights and sums stay; where it does, sums go on."""
    bank = WeightBank(FULL, 0, torch.device("cpu"))
    sliced = SlicedAdagrad(bank, eps=1e-2)
    expected = {name: tensor.clone() for name, tensor in bank.tensors.items()}
    sums = {name: torch.zeros_like(tensor) for name, tensor in expected.items()}
    for step, (rows, columns) in enumerate([(2, 5), (6, 1), (4, 3), (6, 5)]):
        leaves = bank.slices(plan(matrix=(rows, columns), bias=(rows,)))
        loss(leaves["matrix"], leaves["bias"], step).backward()
        for name, leaf in leaves.items():
            gradient = torch.zeros_like(expected[name])
            assert leaf.grad is not None
            gradient[tuple(slice(0, size) for size in leaf.shape)] = leaf.grad
            sums[name] += gradient**2
            expected[name] -= 0.2 * gradient / (sums[name].sqrt() + 1e-2)
        sliced.step(leaves, 0.2)
    for name, tensor in bank.tensors.items():
        torch.testing.assert_close(tensor, expected[name])
        torch.testing.assert_close(sliced.sums[name], sums[name])


def test_a_leaf_without_gradient_stays() -> None:
    bank = WeightBank(FULL, 0, torch.device("cpu"))
    leaves = bank.slices(plan(matrix=(6, 5), unused=(3,)))
    leaves["matrix"].sum().backward()
    SlicedAdagrad(bank).step(leaves, 0.1)
    assert torch.equal(bank.tensors["unused"], torch.ones(3))


@pytest.mark.parametrize("limit", [0.5, 1e6])
def test_clipping_is_that_of_torch(limit: float) -> None:
    torch.manual_seed(0)
    leaves = {
        name: torch.randn(shape).requires_grad_()
        for name, shape in {"a": (3, 4), "b": (5,)}.items()
    }
    leaves["no gradient"] = torch.zeros(2, requires_grad=True)
    copies = [leaf.detach().clone().requires_grad_() for leaf in leaves.values()]
    for tensors in (list(leaves.values()), copies):
        (tensors[0].square().sum() + tensors[1].exp().sum()).backward()
    expected = nn.utils.clip_grad_norm_(copies, limit)
    torch.testing.assert_close(clip_gradients(leaves, limit), expected)
    for leaf, copy in zip(leaves.values(), copies, strict=True):
        assert (leaf.grad is None) == (copy.grad is None)
        if leaf.grad is not None:
            torch.testing.assert_close(leaf.grad, copy.grad)
