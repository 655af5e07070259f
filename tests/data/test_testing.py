import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from dagsmith.data import Evaluation
from dagsmith.data.testing import check_evaluator
from dagsmith.space import Architecture, nasrec_small

SPACE = nasrec_small(3, 5, blocks=2)
ARCHITECTURES = [SPACE.decode(genotype) for genotype in SPACE.sample(4, np.random.default_rng(0))]


class Size:
    """Counts nodes, with one thing wrong."""

    def __init__(self, wrong: str = "") -> None:
        self.fidelity = "" if wrong == "fidelity is empty" else "table"
        self.wrong = wrong

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        found = [
            Evaluation(net, {"size": float(len(net.nodes))}, fidelity="table")
            for net in architectures
        ]
        if not found:
            return found
        faults = {
            "not one evaluation": found[1:],
            "not in order": found[::-1],
            "another fidelity": [replace(found[0], fidelity="x"), *found[1:]],
            "either metrics or a failure": [replace(found[0], failure="no"), *found[1:]],
            "'size' is nan": [replace(found[0], metrics={"size": float("nan")}), *found[1:]],
            "cost 'flops' is inf": [replace(found[0], costs={"flops": float("inf")}), *found[1:]],
            "nothing could be": [replace(one, metrics={}, failure="no") for one in found],
            "it took -1": [replace(found[0], seconds=-1), *found[1:]],
        }
        return faults.get(self.wrong, found)


def test_an_evaluator_that_keeps_its_promise() -> None:
    check_evaluator(Size(), ARCHITECTURES)


@pytest.mark.parametrize(
    "wrong",
    [
        "fidelity is empty",
        "not one evaluation",
        "not in order",
        "another fidelity",
        "either metrics or a failure",
        "'size' is nan",
        "cost 'flops' is inf",
        "nothing could be",
        "it took -1",
    ],
)
def test_a_broken_promise_is_named(wrong: str) -> None:
    with pytest.raises(AssertionError, match=wrong):
        check_evaluator(Size(wrong), ARCHITECTURES)


class Streaming(Size):
    """The same, one by one, with one thing wrong."""

    def stream(
        self, architectures: Sequence[Architecture], until: float = math.inf
    ) -> Iterator[tuple[int, Evaluation]]:
        pairs = list(enumerate(self.evaluate(architectures)))[::-1]
        if self.wrong == "is of another architecture":
            pairs = [(len(pairs) - 1 - place, found) for place, found in pairs]
        if self.wrong == "not one place per architecture":
            del pairs[0]
        late = time.time() >= until and self.wrong != "begins when its time is up"
        yield from [] if late else pairs


def test_a_stream_that_keeps_its_promise() -> None:
    check_evaluator(Streaming(), ARCHITECTURES)


@pytest.mark.parametrize(
    "wrong",
    [
        "is of another architecture",
        "not one place per architecture",
        "begins when its time is up",
        "another fidelity",
    ],
)
def test_a_broken_promise_of_a_stream_is_named(wrong: str) -> None:
    with pytest.raises(AssertionError, match=wrong):
        check_evaluator(Streaming(wrong), ARCHITECTURES)
