"""Evaluation of subnets with the supernet's weights."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from dagsmith.data import Dataset, Split
from dagsmith.data.evaluations import Evaluation, in_order, one_by_one
from dagsmith.space import Architecture
from dagsmith.supernet.analog import Analog
from dagsmith.supernet.inputs import to_tensors
from dagsmith.supernet.last_layer import Refit, check_refit, newton, sgd
from dagsmith.supernet.metrics import click_metrics
from dagsmith.supernet.plan import Plan, features, head_product
from dagsmith.supernet.precision import Precision, computing
from dagsmith.supernet.supernet import Supernet

Rows = tuple[Tensor, Tensor, Tensor]
"""Dense inputs, embeddings and labels of some rows."""


@dataclass(frozen=True)
class SubnetScoring:
    """How a subnet is scored.

    Args:
        refit: how the last layer is refitted: ``"newton"``, ``"sgd"`` or ``"none"``.
        refit_rows: training rows used for it, drawn once by the seed.
        score_rows: validation rows on which the metrics are taken, drawn once; None is all.
        mapped_rows: of these, those on which an architecture that is mapped to crossbars is scored:
            every partial sum is computed, which takes ten times as long; None is all.
        ridge: pull of the Newton refit towards the supernet's head.
        batch_size: rows per forward pass.
        precision: of the matrix products below the last layer.
        seed: seed of the row draws and of the SGD refit.
        analog: the imperfections of the crossbars of architectures that are mapped to any. They
            are scored with them; the refit sees the bits alone, as training does.
    """

    refit: Refit = "newton"
    refit_rows: int = 16384
    score_rows: int | None = 16384
    mapped_rows: int | None = 4096
    ridge: float = 1e-2
    batch_size: int = 4096
    precision: Precision = "float32"
    seed: int = 0
    analog: Analog = field(default_factory=Analog)

    def __post_init__(self) -> None:
        check_refit(self.refit)


class SupernetEvaluator:
    """Scores architectures by the supernet: an `Evaluator` of fidelity ``"supernet"``.

    The rows are fixed at construction and their embeddings looked up once, so that every
    architecture is scored on the same rows and a score costs one forward pass and a refit.

    Args:
        supernet: trained.
        dataset: ``train`` rows refit the last layer, ``valid`` rows score.
        scoring: how.
    """

    fidelity = "supernet"

    def __init__(
        self, supernet: Supernet, dataset: Dataset, scoring: SubnetScoring | None = None
    ) -> None:
        self.supernet = supernet
        self.scoring = scoring or SubnetScoring()
        supernet.embedding.eval()
        rows = self.scoring.refit_rows if self.scoring.refit != "none" else 0
        self._refit = self._look_up(dataset.train, rows)
        self._score = self._look_up(dataset.valid, self.scoring.score_rows)
        self._mapped = _thinned(self._score, self.scoring.mapped_rows)

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        """Score each architecture; one whose scores are not finite gets a `failure`."""
        return in_order(self.stream(architectures))

    def stream(
        self, architectures: Sequence[Architecture], until: float = math.inf
    ) -> Iterator[tuple[int, Evaluation]]:
        """The same, each when it is scored: `dagsmith.data.StreamingEvaluator`."""
        return one_by_one(self._evaluate, architectures, until)

    @torch.inference_mode()
    def _evaluate(self, architecture: Architecture) -> Evaluation:
        begun = time.monotonic()
        plan = self.supernet.plan(architecture)
        weights = self.supernet.bank.slices(plan)
        head = _head(plan, weights)
        if self.scoring.refit != "none":
            label = self._refit[2]
            inputs = self._features(plan, weights, self._refit, None)
            if self.scoring.refit == "newton":
                head = newton(inputs, label, head, self.scoring.ridge)
            else:
                head = sgd(inputs, label, head, seed=self.scoring.seed)
            del inputs
        analog, rows = self.scoring.analog, self._mapped if plan.mapped else self._score
        scored = self._features(plan, weights, rows, analog)
        if plan.head_mapping is None or plan.has_offset:
            scores = scored @ head
        else:
            scores = head_product(scored[:, :-1], head[:-1], plan.head_mapping, analog) + head[-1]
        failure, metrics = "", {}
        if bool(torch.isfinite(scores).all()):
            metrics = dict(
                click_metrics(rows[2].cpu().numpy(), torch.sigmoid(scores).cpu().numpy())
            )
        else:
            failure = "the subnet's scores are not finite"
        seconds = time.monotonic() - begun
        return Evaluation(
            architecture, metrics, {}, self.fidelity, self.scoring.seed, seconds, failure
        )

    def _look_up(self, split: Split, rows: int | None) -> Rows:
        """Dense inputs, embeddings and labels of fixed rows of a split."""
        chosen = np.arange(len(split))
        if rows is not None and rows < len(split):
            chosen = np.sort(
                np.random.default_rng(self.scoring.seed).permutation(len(split))[:rows]
            )
        parts = []
        with torch.inference_mode():
            for part in np.array_split(chosen, max(1, math.ceil(len(chosen) / 16384))):
                dense, ids, label = to_tensors(split.take(part), self.supernet.device)
                parts.append((dense, self.supernet.embedding(ids), label))
        dense, sparse, label = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
        return dense, sparse, label

    def _features(
        self,
        plan: Plan,
        weights: Mapping[str, Tensor],
        rows: Rows,
        analog: Analog | None,
    ) -> Tensor:
        """What the logit reads, flattened, with a last column of ones, ``[rows, features]``."""
        dense, sparse, label = rows
        size = 1 + plan.has_offset + sum(math.prod(plan.weights[name].shape) for name in plan.head)
        result = torch.ones(len(label), size, device=dense.device)
        first = self.supernet.embedding.first
        for start in range(0, len(label), self.scoring.batch_size):
            part = slice(start, start + self.scoring.batch_size)
            with computing(self.scoring.precision, dense.device):
                tops, offset = features(
                    plan,
                    weights,
                    dense[part],
                    sparse[part],
                    first=first,
                    analog=analog,
                )
            at = 0
            for top in [*tops, *([] if offset is None else [offset.unsqueeze(1)])]:
                result[part, at : at + top.shape[1]] = top
                at += top.shape[1]
        return result


def _thinned(tensors: Rows, rows: int | None) -> Rows:
    """As many rows, evenly spread: rows are in the order of the file, which may be sorted."""
    count = len(tensors[2])
    if rows is None or rows >= count:
        return tensors
    chosen = torch.arange(rows, device=tensors[2].device) * count // rows
    dense, sparse, label = (tensor[chosen] for tensor in tensors)
    return dense, sparse, label


def _head(plan: Plan, weights: Mapping[str, Tensor]) -> Tensor:
    """The supernet's own head for this plan, in the order of `SupernetEvaluator._features`."""
    parts = [weights[name].flatten() for name in plan.head]
    bias = weights["head/bias"]
    if plan.has_offset:
        # What is a logit already counts once; a refit may weigh it otherwise.
        parts.append(torch.ones_like(bias))
    return torch.cat([*parts, bias]).detach()
