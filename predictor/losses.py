"""What the network is trained to do: meet the values, and order the pairs."""

import torch
from torch import Tensor


def squared_error(scores: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean squared error of each member.

    Args:
        scores: ``[members, batch]``.
        targets: ``[batch]``.
        weights: ``[members, batch]``.

    Returns:
        ``[members]``.
    """
    # A small batch may hold only labels that a member leaves out.
    return ((scores - targets) ** 2 * weights).sum(1) / weights.sum(1).clamp(min=1e-12)


def pairwise_hinge(scores: Tensor, targets: Tensor, weights: Tensor, margin: float) -> Tensor:
    r"""Weighted mean of :math:`\max(0, m - (s_i - s_j))` over the pairs with :math:`y_i > y_j`.

    The margin is the pair's own distance where that is smaller than `margin`, so that a perfect
    regression has no ranking loss.

    Args:
        scores: ``[members, batch]``.
        targets: ``[batch]``.
        weights: ``[members, batch]``.
        margin: largest margin, in standard deviations of the target.

    Returns:
        ``[members]``; 0 if all targets are equal.
    """
    distance = targets[:, None] - targets[None, :]
    pair = torch.triu(torch.ones_like(distance), 1) * (distance != 0)
    ahead = (scores[:, :, None] - scores[:, None, :]) * distance.sign()
    loss = torch.relu(distance.abs().clamp(max=margin) - ahead)
    weight = weights[:, :, None] * weights[:, None, :] * pair
    return (loss * weight).sum((1, 2)) / weight.sum((1, 2)).clamp(min=1e-12)


def listwise(scores: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    r"""Negative log likelihood of the true order, by the scores.

    .. math:: -\frac{1}{n} \sum_i \log \frac{e^{s_i}}{\sum_{j \ge i} e^{s_j}}

    with the batch in its true order, as if the best were drawn first and then the best of the rest
    (the model of Plackett and Luce; ListMLE: Xia et al., ICML 2008). That draws attention to the
    first places; which end is the best a predictor does not know, so this is the mean of both ways.

    Args:
        scores: ``[members, batch]``.
        targets: ``[batch]``.
        weights: ``[members, batch]``; an architecture counts as so many alike.

    Returns:
        ``[members]``.
    """
    order = torch.argsort(targets)
    ranked, weight = scores[:, order], weights[:, order]

    def mean_loss(drawn: Tensor, counted: Tensor) -> Tensor:
        # The last is drawn first: the running sum is over those before it.
        rest = torch.logcumsumexp(drawn + counted.clamp(min=1e-12).log(), 1)
        return ((rest - drawn) * counted).sum(1) / counted.sum(1).clamp(min=1e-12)

    return (mean_loss(ranked, weight) + mean_loss(-ranked.flip(1), weight.flip(1))) / 2
