import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagsmith.predictor import PredictorError, rank_correlation
from dagsmith.search import SearchError, rank_by_component
from dagsmith.search.component_ranking import ComponentRanking, components
from dagsmith.space import Architecture, Edge, Node, nasrec_small

SPACE = nasrec_small(4, 5, blocks=3)


def chain(*nodes: Node) -> Architecture:
    return Architecture(nodes, tuple(Edge(i, i + 1) for i in range(len(nodes) - 1)))


def ranked(architectures: list[Architecture], least: int = 5) -> dict[str, ComponentRanking]:
    """Right about all that has no pool, wrong about the rest."""
    truth = np.arange(float(len(architectures)))
    wrong = np.array(["pool" in components(each) for each in architectures])
    rows = rank_by_component(
        architectures, truth, np.where(wrong, -truth, truth), least=least, resamples=50
    )
    return {row.component: row for row in rows}


def mixed(count: int = 30) -> list[Architecture]:
    """Every third has a pool; all have convolutions, from one to five."""
    return [
        chain(
            Node.of("image"),
            *(Node.of("conv", act="relu", width=16 * (i % 4 + 1)) for _ in range(i % 5 + 1)),
            *([Node.of("pool", ceil=i % 2 == 0)] if i % 3 == 0 else []),
        )
        for i in range(count)
    ]


def test_a_badly_ranked_kind_stands_out_and_comes_first() -> None:
    rows = ranked(mixed())
    pool = rows["pool"]
    assert next(iter(rows)) == "pool"
    assert (pool.times, pool.having.n, pool.lacking.n) == (1, 10, 20)
    assert pool.having.value == pytest.approx(-1.0)
    assert pool.lacking.value == pytest.approx(1.0)
    assert pool.gap == pytest.approx(2.0)
    gaps = [row.gap for row in rows.values() if row.gap is not None]
    assert gaps == sorted(gaps, reverse=True)


def test_what_all_have_is_parted_by_how_many_they_have() -> None:
    conv = ranked(mixed())["conv"]
    # Of one to five, six architectures each: three or more are 18, two or more are 24.
    assert (conv.times, conv.having.n, conv.lacking.n) == (3, 18, 12)


def test_a_small_group_gets_a_reason_and_no_number() -> None:
    rows = ranked(mixed(), least=11)
    assert rows["pool"].having.value is None
    assert rows["pool"].having.reason == "10 architectures; expected at least 11"
    assert rows["pool"].having.n == 10
    assert rows["pool"].lacking.value is not None
    assert rows["pool"].gap is None
    # All have exactly one image.
    assert rows["image"].lacking.reason == "0 architectures; expected at least 11"
    assert list(rows).index("image") > list(rows).index("conv")


def test_choices_and_flags_are_components_and_numbers_are_not() -> None:
    rows = ranked(mixed())
    assert set(rows) == {"conv", "image", "pool", "pool.ceil = off", "pool.ceil = on"}
    # The only choice says no more than its kind.
    assert "conv.act = relu" in components(mixed()[0])


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_each_side_is_the_rank_correlation_of_its_own(seed: int) -> None:
    rng = np.random.default_rng(seed)
    nets = [SPACE.decode(row) for row in SPACE.sample(30, rng)]
    truth = rng.normal(size=30)
    said = truth + rng.normal(size=30)
    rows = rank_by_component(nets, truth, said, least=5, resamples=0)
    for row in rows:
        has = np.array([components(net)[row.component] >= row.times for net in nets])
        assert row.having.n == has.sum()
        assert row.lacking.n == (~has).sum()
        for side, members in ((row.having, has), (row.lacking, ~has)):
            if side.n < 5:
                assert side.value is None
                continue
            expected = rank_correlation(truth[members], said[members], resamples=0)
            assert side.value == expected.value
        document = json.loads(json.dumps(row.to_dict(), allow_nan=False))
        assert document["having"]["n"] + document["lacking"]["n"] == 30
    # A kind is never split where it need not be.
    assert all(row.times >= 1 for row in rows)


def test_the_top_is_cut_to_the_group() -> None:
    nets = mixed()
    truth = np.arange(30.0)
    rows = rank_by_component(nets, truth, truth, metric="ndcg", k=12, least=5, resamples=0)
    pool = {row.component: row for row in rows}["pool"]
    assert (pool.having.metric, pool.lacking.metric) == ("ndcg@10", "ndcg@12")


def test_no_architectures_have_no_components() -> None:
    assert rank_by_component([], [], []) == ()


def test_bad_input() -> None:
    with pytest.raises(SearchError, match="2 architectures, 1 true and 2 predicted"):
        rank_by_component(mixed(2), [1.0], [1.0, 2.0])
    with pytest.raises(SearchError, match="least is 2"):
        rank_by_component(mixed(2), [1.0, 2.0], [1.0, 2.0], least=2)
    with pytest.raises(PredictorError, match="not finite"):
        rank_by_component(mixed(3), [1.0, np.nan, 2.0], [1.0, 2.0, 3.0])
