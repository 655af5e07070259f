"""Evaluations: what is known of an architecture after something looked at it."""

import math
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Protocol, runtime_checkable

from dagsmith.space import Architecture


@dataclass(frozen=True)
class Evaluation:
    """One architecture, evaluated once.

    Args:
        architecture: what was evaluated.
        metrics: quality by name, such as ``{"logloss": 0.44, "auc": 0.81}``.
        costs: cost by name, such as ``{"flops": 2.2e6}``.
        fidelity: how it was evaluated: ``"supernet"``, ``"scratch"``, ``"table"``, ...
        seed: the seed of the evaluation.
        seconds: wall time that it took.
        failure: empty, or why there are no metrics (a loss that became NaN, say).
    """

    architecture: Architecture
    metrics: Mapping[str, float]
    costs: Mapping[str, float] = field(default_factory=dict)
    fidelity: str = ""
    seed: int = 0
    seconds: float = 0.0
    failure: str = ""


@runtime_checkable
class Evaluator(Protocol):
    """Anything that turns architectures into evaluations: a supernet, a table, a user's function.

    `evaluate` returns one `Evaluation` per architecture, in their order. An architecture that
    cannot be evaluated gets an evaluation with its `failure` and no metrics; the others go on.
    """

    fidelity: str

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        """Evaluate each architecture."""
        ...


@runtime_checkable
class StreamingEvaluator(Evaluator, Protocol):
    """An `Evaluator` that gives each evaluation when it is there, and begins none after some time.

    What works on several architectures side by side should be one: a search then keeps what was
    finished before an interruption, and ends when its time is up.
    """

    def stream(
        self, architectures: Sequence[Architecture], until: float = math.inf
    ) -> Iterator[tuple[int, Evaluation]]:
        """Yield the place of an architecture and its evaluation, in the order of their ends.

        Args:
            architectures: what to evaluate, to be begun in this order.
            until: no evaluation begins at or after this ``time.time()``, and those that did not
                are left out; what has begun is finished.
        """
        ...


def streamed(
    evaluator: Evaluator, architectures: Sequence[Architecture], until: float = math.inf
) -> Generator[tuple[int, Evaluation]]:
    """What any evaluator finds, as `StreamingEvaluator.stream` gives it.

    One that does not stream is asked for all at once.

    Raises:
        ValueError: another number of evaluations than of architectures.
    """
    if isinstance(evaluator, StreamingEvaluator):
        yield from evaluator.stream(architectures, until)
    elif time.time() < until:
        found = evaluator.evaluate(architectures)
        if len(found) != len(architectures):
            raise ValueError(
                f"the evaluator gave {len(found)} evaluations; expected {len(architectures)}"
            )
        yield from enumerate(found)


def one_by_one(
    evaluate: Callable[[Architecture], Evaluation],
    architectures: Sequence[Architecture],
    until: float = math.inf,
) -> Generator[tuple[int, Evaluation]]:
    """`StreamingEvaluator.stream` of what evaluates one architecture after the other."""
    for place, architecture in enumerate(architectures):
        if time.time() >= until:
            return
        yield place, evaluate(architecture)


def in_order(stream: Iterable[tuple[int, Evaluation]]) -> list[Evaluation]:
    """The evaluations of a whole stream, by their places."""
    return [evaluation for _, evaluation in sorted(stream, key=itemgetter(0))]
