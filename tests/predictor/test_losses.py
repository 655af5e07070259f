from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from dagsmith.predictor.losses import listwise, pairwise_hinge, squared_error

MARGIN = 0.5


def draw(seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(2, 6, generator=generator)
    # Rounded, so that there are ties.
    targets = torch.randn(6, generator=generator).round(decimals=0)
    return scores, targets, torch.rand(2, 6, generator=generator)


@given(st.integers(0, 10_000))
def test_hinge_is_the_sum_over_pairs(seed: int) -> None:
    scores, targets, weights = draw(seed)
    for member in range(2):
        total = weight_sum = 0.0
        for i in range(6):
            for j in range(6):
                if targets[i] > targets[j]:
                    weight = float(weights[member, i] * weights[member, j])
                    margin = min(MARGIN, float(targets[i] - targets[j]))
                    gap = float(scores[member, i] - scores[member, j])
                    total += weight * max(0.0, margin - gap)
                    weight_sum += weight
        expected = total / weight_sum if weight_sum else 0.0
        found = float(pairwise_hinge(scores, targets, weights, MARGIN)[member])
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@given(st.integers(0, 10_000))
def test_a_perfect_regression_has_no_loss(seed: int) -> None:
    _, targets, weights = draw(seed)
    scores = targets.expand(2, -1)
    assert pairwise_hinge(scores, targets, weights, MARGIN).abs().max() < 1e-6
    assert squared_error(scores, targets, weights).max() == 0.0


def test_weight_zero_is_absence() -> None:
    scores, targets, weights = draw(3)
    weights[:, 2] = 0.0
    keep = [0, 1, 3, 4, 5]
    losses: list[Callable[..., torch.Tensor]] = [
        partial(pairwise_hinge, margin=MARGIN),
        squared_error,
        listwise,
    ]
    for loss in losses:
        torch.testing.assert_close(
            loss(scores, targets, weights), loss(scores[:, keep], targets[keep], weights[:, keep])
        )


def test_equal_targets_have_no_pairs() -> None:
    scores, _, weights = draw(0)
    assert pairwise_hinge(scores, torch.ones(6), weights, MARGIN).tolist() == [0.0, 0.0]


def test_listwise_is_the_likelihood_of_both_orders() -> None:
    scores, _, _ = draw(1)
    targets = torch.tensor([3.0, 1.0, 5.0, 2.0, 4.0, 0.0])
    weights = torch.ones(2, 6)
    for member in range(2):
        total = 0.0
        for sign in (1.0, -1.0):
            order = torch.argsort(sign * targets, descending=True)
            values = sign * scores[member, order]
            for place in range(6):
                total += float(torch.logsumexp(values[place:], 0) - values[place])
        found = float(listwise(scores, targets, weights)[member])
        np.testing.assert_allclose(found, total / 12, rtol=1e-5)


def test_listwise_counts_weights_as_repetition() -> None:
    scores, _, _ = draw(2)
    targets = torch.arange(6.0)
    twice = torch.ones(2, 6)
    twice[:, 3] = 2.0
    rows = [0, 1, 2, 3, 3, 4, 5]
    # Of two alike, the one drawn first has the other still in the urn, the second has not.
    repeated = listwise(scores[:, rows], targets[rows], torch.ones(2, 7))
    weighted = listwise(scores, targets, twice)
    assert (weighted >= repeated).all()
    assert (weighted - repeated).max() < 0.2
    better = listwise(targets.expand(2, -1), targets, twice)
    assert (better < weighted).all()
