import math
from collections.abc import Iterator, Sequence

import pytest

from dagsmith.data import SparseField
from dagsmith.data.evaluations import Evaluation
from dagsmith.space import Architecture, Block, NASRecSpace, SpaceError, nasrec_small
from dagsmith.supernet.latency import MeasuredLatency, WithLatency


@pytest.fixture
def space() -> NASRecSpace:
    return nasrec_small(3, 4, blocks=1, widths=(16, 1024), rows=(8,))


def net(space: NASRecSpace, width: int) -> Architecture:
    return space.assemble([Block(("fc",), ("efc",), width, 8)])


class Table:
    """Fails for one architecture, and knows a loss for the others."""

    fidelity = "table"

    def __init__(self, failing: str) -> None:
        self._failing = failing

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        return [
            Evaluation(a, {}, failure="no")
            if a.key == self._failing
            else Evaluation(a, {"loss": 1})
            for a in architectures
        ]


def test_latency_is_a_positive_number_of_the_whole_model(
    space: NASRecSpace, fields: tuple[SparseField, ...]
) -> None:
    found = MeasuredLatency(fields, batch=8, repeats=3).latency_ns(net(space, 16))
    assert 1e3 < found < 1e11


def test_tables_are_capped() -> None:
    huge = SparseField("huge", 10**9, slice(0, 1), multivalued=False)
    assert MeasuredLatency([huge]).fields[0].cardinality == 100_000


def test_evaluations_get_their_latency_unless_they_failed(
    space: NASRecSpace, fields: tuple[SparseField, ...]
) -> None:
    good, bad = net(space, 16), net(space, 1024)
    evaluator = WithLatency(Table(bad.key), MeasuredLatency(fields, batch=4, repeats=1))
    assert evaluator.fidelity == "table"
    first, second = evaluator.evaluate([good, bad])
    assert first.metrics == {"loss": 1}
    assert first.costs["cpu_latency_ns"] > 0
    assert second.failure == "no"
    assert not second.costs


def test_what_is_evaluated_side_by_side_is_timed_before_it(
    space: NASRecSpace, fields: tuple[SparseField, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    nets = [net(space, 16), net(space, 1024)]
    story: list[str] = []

    class Streaming(Table):
        def stream(
            self, architectures: Sequence[Architecture], until: float = math.inf
        ) -> Iterator[tuple[int, Evaluation]]:
            for place in (1, 0):
                story.append("evaluated")
                yield place, self.evaluate([architectures[place]])[0]

    def timed(self: MeasuredLatency, architecture: Architecture) -> float:
        story.append("timed")
        return float(architecture.nodes[2]["width"])

    monkeypatch.setattr(MeasuredLatency, "latency_ns", timed)
    evaluator = WithLatency(Streaming("none"), MeasuredLatency(fields))
    place, first = next(evaluator.stream(nets))
    assert (place, first.architecture.key) == (1, nets[1].key)
    assert story == ["timed", "timed", "evaluated"]
    assert first.costs == {"cpu_latency_ns": timed(evaluator._latency, nets[1])}
    assert not list(evaluator.stream(nets, 0.0))


@pytest.mark.parametrize("name", ["batch", "repeats"])
def test_bad_settings_are_named(fields: tuple[SparseField, ...], name: str) -> None:
    settings: dict[str, int] = {name: 0}
    with pytest.raises(SpaceError, match=f"{name} is 0"):
        MeasuredLatency(fields, **settings)  # type: ignore[arg-type]
