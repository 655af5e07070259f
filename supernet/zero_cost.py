"""Zero-cost proxies: scores of an untrained network from a few batches."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from dagsmith.supernet.batch_norm import RunningStatistics
from dagsmith.supernet.network import Network
from dagsmith.supernet.operators.linear import unnormalised
from dagsmith.supernet.plan import features, logits

PROXIES = ("grad_norm", "fisher", "zico", "synflow")
"""The scores that `zero_cost_scores` gives; of each, more is taken to be better."""

Rows = tuple[Tensor, Tensor, Tensor]


def zero_cost_scores(network: Network, batches: Sequence[Rows]) -> dict[str, float]:
    """Score a freshly initialised network, which stays as it is.

    With the loss L, weights w of the network (the embedding table left out, which is the same for
    all architectures of one dimension) and activations a of every node:

    ``grad_norm``: sum over the tensors of ``|dL/dw|`` on the first batch (Abdelfattah et al., ICLR
    2021, arXiv 2101.08134). ``fisher``: ``sum_a mean_rows (a dL/da)^2``, likewise (Turner et al.,
    ICLR 2020). ``zico``: ``sum over the tensors of log(sum_w mean|g| / std g)`` over the batches
    (Li et al., ICLR 2023, arXiv 2301.11300). ``synflow``: ``log sum_w |w dR/d|w||``, where R is the
    logit of ones under absolute weights without normalisation (Tanaka et al., NeurIPS 2020, arXiv
    2006.05467).

    Args:
        network: untrained, on the device of the batches.
        batches: dense ``[batch, width]``, ids and labels; at least two.

    Raises:
        ValueError: fewer than two batches, which have no deviation.
    """
    if len(batches) < 2:
        raise ValueError(f"{len(batches)} batches; zero-cost scores need at least two")
    gradients, fisher = zip(*(_gradients(network, rows) for rows in batches), strict=True)
    return {
        "grad_norm": float(sum(gradient.norm() for gradient in gradients[0])),
        "fisher": fisher[0],
        "zico": _zico(gradients),
        "synflow": _synflow(network),
    }


def _gradients(network: Network, rows: Rows) -> tuple[list[Tensor], float]:
    """Gradients of the network's weights on one batch, and the Fisher score of its activations."""
    dense, ids, label = rows
    weights = {name: weight.detach().requires_grad_() for name, weight in network.weights.items()}
    table = network.embedding
    with torch.no_grad():
        sparse = dense.new_zeros(len(dense), 0, 0) if table is None else table(ids)
    kept: list[Tensor] = []
    first = 0 if table is None else table.first
    tops = features(network.plan, weights, dense, sparse, first=first, kept=kept)
    output = logits(network.plan, weights, *tops)
    loss = functional.binary_cross_entropy_with_logits(output, label)
    # What no weight has touched yet is the same for every network.
    kept = [activation for activation in kept if activation.requires_grad]
    wanted = [*weights.values(), *kept]
    found = torch.autograd.grad(loss, wanted, allow_unused=True, materialize_grads=True)
    # The loss is a mean: times the rows, a row's share of it is its own gradient.
    fisher = sum(
        float((activation.detach() * gradient * len(label)).square().sum()) / len(label)
        for activation, gradient in zip(kept, found[len(weights) :], strict=True)
    )
    return [gradient.detach() for gradient in found[: len(weights)]], float(fisher)


def _zico(gradients: Sequence[Sequence[Tensor]]) -> float:
    total = 0.0
    for parts in zip(*gradients, strict=True):
        stacked = torch.stack(list(parts))
        deviation = stacked.std(dim=0, correction=0)
        moving = deviation > 0
        ratio = float((stacked.abs().mean(dim=0)[moving] / deviation[moving]).sum())
        total += math.log(ratio) if ratio > 0 else 0.0
    return total


def _synflow(network: Network) -> float:
    """In double precision: products of many widths are large."""
    weights = {
        name: (weight.detach().abs() if "/shift" not in name else torch.zeros_like(weight))
        .double()
        .requires_grad_()
        for name, weight in network.weights.items()
    }
    plan, device = network.plan, next(iter(weights.values())).device
    sizes = {node.kind: node for node in network.architecture.nodes}
    wide = int(sizes["dense_input"]["width"]) if "dense_input" in sizes else 1
    rows = int(sizes["sparse_input"]["rows"]) if "sparse_input" in sizes else len(network.fields)
    dense = torch.ones(1, wide, dtype=torch.float64, device=device)
    sparse = torch.ones(1, 1 + plan.dim, rows, dtype=torch.float64, device=device)
    # Running statistics of mean 0 and variance 1 are no normalisation.
    plain = RunningStatistics(plan.batch_norms).to(device).double()
    plain.count()
    with unnormalised():
        tops = features(plan, weights, dense, sparse, first=1, running=plain)
    response = logits(plan, weights, *tops).sum()
    found = torch.autograd.grad(
        response, list(weights.values()), allow_unused=True, materialize_grads=True
    )
    flow = sum(
        float((weight.detach() * gradient).abs().sum())
        for weight, gradient in zip(weights.values(), found, strict=True)
    )
    return math.log(flow) if flow > 0 else -math.inf
