"""Measured latency: how long the real model takes on this machine."""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from statistics import median

import numpy as np
import torch

from dagsmith.data import SparseField
from dagsmith.data.evaluations import Evaluation, Evaluator, in_order, streamed
from dagsmith.space import Architecture, SpaceError
from dagsmith.supernet.inputs import pick_device
from dagsmith.supernet.network import Network

ROW_CAP = 100_000
"""Most rows per embedding table of a model that is only timed."""


class MeasuredLatency:
    """Median seconds of a forward pass of the model that an architecture describes.

    A measurement and not a `CostModel`: it is noisy, it takes a second, and asking again gives
    another value. So a search evaluates and predicts it like a quality (`WithLatency`).

    Args:
        fields: the categorical fields of the data; tables are capped at 100,000 rows.
        batch: rows per pass.
        repeats: timed passes, after a few that are not.
        device: ``"cpu"``, ``"cuda"``, or ``"auto"``.

    Raises:
        SpaceError: a batch or number of repeats below 1.
    """

    def __init__(
        self,
        fields: Sequence[SparseField],
        *,
        batch: int = 256,
        repeats: int = 20,
        device: str = "cpu",
    ) -> None:
        for name, value in (("batch", batch), ("repeats", repeats)):
            if value < 1:
                raise SpaceError(f"{name} is {value}; expected at least 1")
        self.fields = tuple(
            replace(field, cardinality=min(field.cardinality, ROW_CAP)) for field in fields
        )
        self.batch, self.repeats, self.device = batch, repeats, pick_device(device)

    @torch.inference_mode()
    def latency_ns(self, architecture: Architecture) -> float:
        """Nanoseconds of one pass of `batch` rows, the median of the repeats."""
        network = Network(architecture, self.fields).to(self.device).eval()
        rng = np.random.default_rng(0)
        widths = [node["width"] for node in architecture.nodes if node.kind == "dense_input"]
        dense = torch.from_numpy(rng.normal(size=(self.batch, int(widths[0]) if widths else 1)))
        columns = [
            rng.integers(field.cardinality, size=self.batch)
            for field in self.fields
            for _ in range(field.columns.start, field.columns.stop)
        ]
        ids = torch.from_numpy(np.stack(columns, axis=1)).to(self.device)
        inputs = dense.float().to(self.device), ids
        seconds = []
        for turn in range(-3, self.repeats):
            began = time.perf_counter_ns()
            network(*inputs)
            if self.device.type == "cuda":
                torch.cuda.synchronize()
            if turn >= 0:
                seconds.append(time.perf_counter_ns() - began)
        return float(median(seconds))


class WithLatency:
    """An evaluator that also measures latency: cost ``"cpu_latency_ns"`` of each evaluation.

    Args:
        evaluator: measures the quality.
        latency: measures the time.
    """

    def __init__(self, evaluator: Evaluator, latency: MeasuredLatency) -> None:
        self._evaluator, self._latency = evaluator, latency
        self.fidelity = evaluator.fidelity

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        """Evaluate each architecture, and time those that did not fail."""
        return in_order(self.stream(architectures))

    def stream(
        self, architectures: Sequence[Architecture], until: float = math.inf
    ) -> Iterator[tuple[int, Evaluation]]:
        """The same, each when it is evaluated: `dagsmith.data.StreamingEvaluator`.

        All are timed first, because others that train beside it would slow a model down.
        """
        taken: list[float] = []
        for architecture in architectures:
            if time.time() >= until:
                return
            taken.append(self._latency.latency_ns(architecture))
        with closing(streamed(self._evaluator, architectures, until)) as found:
            for place, evaluation in found:
                costs = {**evaluation.costs, "cpu_latency_ns": taken[place]}
                yield place, evaluation if evaluation.failure else replace(evaluation, costs=costs)
