"""Refitting the last layer of a subnet before it is scored.

A weight-sharing supernet serves all subnets with one head; a subnet ranks better once its own
head fits its own features. Both ways keep everything below the logit frozen, so the features are
computed once.
"""

from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional

from dagsmith.space import SpaceError
from dagsmith.space.errors import nearest
from dagsmith.supernet.schedule import warm_cosine

Refit = Literal["newton", "sgd", "none"]
REFITS: tuple[str, ...] = get_args(Refit)


def check_refit(way: str) -> None:
    """Raise SpaceError for a way that does not exist."""
    if way not in REFITS:
        raise SpaceError(f"unknown last-layer refit {way!r}; {nearest(way, REFITS)}")


def newton(features: Tensor, label: Tensor, start: Tensor, ridge: float, steps: int = 8) -> Tensor:
    """Solve the head as a logistic regression on frozen features.

    Minimises ``mean(BCE(X w, y)) + ridge/2 |w - w_0|^2`` by Newton steps whose Hessian is taken
    once, at the supernet's own head w_0: the start is close, so the chord method converges in a
    few steps and each costs two passes over X instead of a Gram matrix.

    Args:
        features: X with a last column of ones, ``[rows, features]``.
        label: y, ``[rows]``.
        start: w_0, ``[features]``.
        ridge: weight of the pull towards the start, in units of the mean squared feature.
        steps: most steps.

    Returns:
        The weights ``[features]``; `start` where the features are not finite.
    """
    rows = len(features)
    probability = torch.sigmoid(features @ start)
    spread = (probability * (1 - probability)).clamp_(min=1e-3)
    curvature = features.t() @ (features * spread.unsqueeze(1)) / rows
    pull = ridge * curvature.diagonal().mean()
    curvature.diagonal().add_(pull + 1e-6 * curvature.diagonal().mean())
    factor, failed = torch.linalg.cholesky_ex(curvature)
    if failed:
        return start
    weights, loss = start, _objective(features, label, start, start, pull)
    for _ in range(steps):
        error = torch.sigmoid(features @ weights) - label
        gradient = features.t() @ error / rows + pull * (weights - start)
        move = torch.cholesky_solve(gradient.unsqueeze(1), factor).squeeze(1)
        size = 1.0
        while True:
            trial = weights - size * move
            value = _objective(features, label, trial, start, pull)
            if value < loss or size < 1e-2:
                break
            size *= 0.5
        if value >= loss:
            break
        done = loss - value < 1e-6
        weights, loss = trial, value
        if done:
            break
    return weights


def sgd(
    features: Tensor,
    label: Tensor,
    start: Tensor,
    *,
    steps: int = 500,
    batch_size: int = 512,
    lr: float = 0.04,
    eps: float = 1e-2,
    seed: int = 0,
) -> Tensor:
    """Fine-tune the head by mini-batches as NASRec does: Adagrad, 500 steps, cosine.

    Args:
        features: X with a last column of ones, ``[rows, features]``.
        label: y, ``[rows]``.
        start: the supernet's head, ``[features]``.
        steps: mini-batch steps.
        batch_size: rows per step, drawn with replacement.
        lr: peak rate.
        eps: Adagrad's denominator constant.
        seed: seed of the draws.

    Returns:
        The weights ``[features]``.
    """
    generator = torch.Generator().manual_seed(seed)
    weights, total = start.clone(), torch.zeros_like(start)
    for step in range(steps):
        drawn = torch.randint(len(features), (batch_size,), generator=generator).to(features.device)
        rows = features[drawn]
        error = torch.sigmoid(rows @ weights) - label[drawn]
        gradient = rows.t() @ error / batch_size
        total.addcmul_(gradient, gradient)
        weights.addcdiv_(gradient, total.sqrt().add_(eps), value=-lr * warm_cosine(step, steps))
    return weights


def _objective(
    features: Tensor, label: Tensor, weights: Tensor, start: Tensor, pull: Tensor
) -> float:
    fit = functional.binary_cross_entropy_with_logits(features @ weights, label)
    return float(fit + 0.5 * pull * (weights - start).square().sum())
