import pytest
import torch
from torch import Tensor
from torch.nn import functional

from dagsmith.space import SpaceError
from dagsmith.supernet.last_layer import check_refit, newton, sgd

RIDGE = 1e-2


def problem(rows: int = 2000, size: int = 12, start: float = 0.3) -> tuple[Tensor, Tensor, Tensor]:
    """Correlated features of mixed scale, labels by a logistic law, a start off the optimum."""
    generator = torch.Generator().manual_seed(0)
    mix = torch.randn(size, size, generator=generator) / size**0.5
    features = torch.randn(rows, size, generator=generator) @ mix
    features *= torch.logspace(-1, 0.3, size)
    features = torch.cat([features, torch.ones(rows, 1)], dim=1)
    truth = 0.5 * torch.randn(size + 1, generator=generator)
    label = (torch.rand(rows, generator=generator) < torch.sigmoid(features @ truth)).float()
    return features, label, start * torch.randn(size + 1, generator=generator)


def objective(features: Tensor, label: Tensor, weights: Tensor, start: Tensor) -> Tensor:
    """As documented, the ridge in units of the mean curvature at the start."""
    p = torch.sigmoid(features @ start)
    spread = (p * (1 - p)).clamp(min=1e-3).unsqueeze(1)
    pull = RIDGE * (features.square() * spread).mean()
    fit = functional.binary_cross_entropy_with_logits(features @ weights, label)
    return fit + 0.5 * pull * (weights - start).square().sum()


def test_newton_reaches_the_optimum() -> None:
    features, label, start = problem()
    reached = newton(features, label, start, RIDGE)
    sizes = []
    for weights in (start, reached):
        leaf = weights.clone().requires_grad_()
        objective(features, label, leaf, start).backward()
        assert leaf.grad is not None
        sizes.append(float(leaf.grad.norm()))
    assert sizes[1] < 2e-2 * sizes[0]

    best = start.clone().requires_grad_()
    descent = torch.optim.LBFGS([best], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        descent.zero_grad()
        value = objective(features, label, best, start)
        value.backward()
        return value

    descent.step(closure)
    before, optimum, found = (
        float(objective(features, label, weights.detach(), start))
        for weights in (start, best, reached)
    )
    assert optimum < before - 0.02
    assert found == pytest.approx(optimum, abs=1e-4)


def test_newton_never_raises_the_objective() -> None:
    """From a start far off, where the curvature is no guide."""
    features, label, start = problem(rows=200, start=30.0)
    before = objective(features, label, start, start)
    assert objective(features, label, newton(features, label, start, RIDGE), start) < before


def test_a_heavy_ridge_stays_at_the_start() -> None:
    features, label, start = problem()
    torch.testing.assert_close(newton(features, label, start, 1e6), start, atol=1e-3, rtol=1e-3)


def test_features_that_never_fire_keep_their_weight() -> None:
    """Dead units make the curvature singular."""
    features, label, start = problem()
    features[:, :3] = 0.0
    weights = newton(features, label, start, RIDGE)
    assert torch.isfinite(weights).all()
    torch.testing.assert_close(weights[:3], start[:3])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_features_that_are_not_finite_leave_the_start(value: float) -> None:
    features, label, start = problem()
    features[5, 2] = value
    assert torch.equal(newton(features, label, start, RIDGE), start)


def test_sgd_lowers_the_loss_and_is_seeded() -> None:
    features, label, start = problem()
    first, again, other = (sgd(features, label, start, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    before, after = (
        functional.binary_cross_entropy_with_logits(features @ weights, label)
        for weights in (start, first)
    )
    assert after < before - 0.02


def test_one_sgd_step_is_an_adagrad_step() -> None:
    features, label, start = problem(rows=1)
    leaf = start.clone().requires_grad_()
    functional.binary_cross_entropy_with_logits(features @ leaf, label).backward()
    reference = torch.optim.Adagrad([leaf], lr=0.04, eps=1e-2)
    reference.step()
    found = sgd(features, label, start, steps=1)
    torch.testing.assert_close(found, leaf.detach(), atol=1e-6, rtol=1e-5)


def test_refits_leave_the_start_as_it_was() -> None:
    features, label, start = problem()
    kept = start.clone()
    newton(features, label, start, RIDGE)
    sgd(features, label, start, steps=3)
    assert torch.equal(start, kept)


def test_an_unknown_refit_is_told_the_nearest() -> None:
    with pytest.raises(SpaceError, match="'newtn'; did you mean 'newton'"):
        check_refit("newtn")
