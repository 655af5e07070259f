import math
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from dagsmith.data import Evaluation, Evaluator, StreamingEvaluator
from dagsmith.data.evaluations import in_order, one_by_one, streamed
from dagsmith.space import Architecture, nasrec_small

SPACE = nasrec_small(3, 5, blocks=2)
NETS = [SPACE.decode(genotype) for genotype in SPACE.sample(3, np.random.default_rng(0))]


class Together:
    """Asked for some, it evaluates the first `given` of them."""

    fidelity = "table"

    def __init__(self, given: int = 3) -> None:
        self._given = given

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        return [size(net) for net in architectures[: self._given]]


class Backwards(Together):
    """Streams, the last one first."""

    def stream(
        self, architectures: Sequence[Architecture], until: float = math.inf
    ) -> Iterator[tuple[int, Evaluation]]:
        yield from reversed(list(enumerate(self.evaluate(architectures))))


def size(net: Architecture) -> Evaluation:
    return Evaluation(net, {"size": float(len(net.nodes))}, fidelity="table")


@pytest.mark.parametrize("evaluator", [Together(), Backwards()])
def test_any_evaluator_can_be_heard_as_a_stream(evaluator: Evaluator) -> None:
    backwards = isinstance(evaluator, Backwards)
    assert isinstance(evaluator, StreamingEvaluator) == backwards
    found = list(streamed(evaluator, NETS))
    assert [place for place, _ in found] == ([2, 1, 0] if backwards else [0, 1, 2])
    assert in_order(found) == [size(net) for net in NETS]


def test_nothing_begins_when_time_is_up() -> None:
    assert not list(streamed(Together(), NETS, 0.0))
    assert not list(one_by_one(size, NETS, 0.0))


def test_one_by_one_evaluates_what_is_asked_for_and_no_more() -> None:
    asked: list[str] = []

    def evaluate(net: Architecture) -> Evaluation:
        asked.append(net.key)
        return size(net)

    stream = one_by_one(evaluate, NETS)
    assert next(stream) == (0, size(NETS[0]))
    assert asked == [NETS[0].key]


def test_too_few_evaluations_are_an_error() -> None:
    with pytest.raises(ValueError, match="the evaluator gave 2 evaluations; expected 3"):
        list(streamed(Together(2), NETS))
