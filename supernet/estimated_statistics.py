"""Statistics of batch normalisation that belong to the weights: estimated anew when those are kept.

Running averages are those of the last ten batches or so, of weights that were moving, with dropout
at work. Where a layer's inputs are products of embeddings that moves them far: models that learn
well are then scored, and served, as if they had failed. And an average of weights has no statistics
of its own at all.
"""

from contextlib import ExitStack

import torch
from torch import nn

from dagsmith.data import Split
from dagsmith.supernet.batch_norm import RunningStatistics
from dagsmith.supernet.inputs import to_tensors
from dagsmith.supernet.model import ClickModel
from dagsmith.supernet.precision import Precision, computing

ROWS = 16_384
"""Rows that are enough for a mean and a variance of each feature."""
LEAST = 8
"""Batches, at least: what is estimated is how a batch of that size is normalised."""


@torch.no_grad()
def estimate_statistics(
    model: ClickModel,
    split: Split,
    batch_size: int,
    *,
    seed: int = 0,
    precision: Precision = "float32",
) -> None:
    """Estimate the statistics of all batch normalisations by the model's weights as they are.

    They become the mean over some random batches, without dropout. Models without batch
    normalisation are left alone.

    Source: "precise BN", Wu and Johnson, "Rethinking 'Batch' in BatchNorm", arXiv 2105.07576; on
    dropout before a normalisation, Li et al., CVPR 2019, arXiv 1801.05134.

    Args:
        model: changed in place; left in evaluation mode.
        split: rows to go through, those of the training.
        batch_size: rows that a training step has.
        seed: of the draw.
        precision: of the matrix products.
    """
    model.eval()
    modules = list(model.modules())
    own = [m for m in modules if isinstance(m, RunningStatistics) and m.used]
    usual = [m for m in modules if isinstance(m, nn.BatchNorm1d)]
    if not own and not usual:
        return
    device = next(iter(model.parameters())).device
    batches = max(LEAST, -(-ROWS // batch_size))
    with ExitStack() as stack:
        for statistics in own:
            stack.enter_context(statistics.anew())
        for norm in usual:
            norm.reset_running_stats()
            # None makes torch take the mean of all batches.
            before, norm.momentum = norm.momentum, None
            norm.train()
            stack.callback(setattr, norm, "momentum", before)
            stack.callback(norm.eval)
        for number, batch in enumerate(split.batches(batch_size, shuffle=True, seed=seed)):
            # The variance of a last batch of a few rows would count as much as any other.
            if number == batches or (number and len(batch.label) < batch_size // 2):
                break
            dense, ids, _ = to_tensors(batch, device)
            with computing(precision, device):
                model(dense, ids)
