import numpy as np
import pytest

from dagsmith.search.component_figures import figure_shared_components, shared_components
from dagsmith.search.component_ranking import components
from dagsmith.space import SearchSpace


def test_the_component_that_makes_them_good_comes_first(space: SearchSpace) -> None:
    nets = [space.decode(row) for row in space.sample(200, np.random.default_rng(0))]
    kind = "dense_op.operator = fc"
    counts = np.array([components(net)[kind] for net in nets], float)
    assert len(set(counts)) > 1
    rows = shared_components(nets, -counts)
    assert rows[0].component == kind
    assert rows[0].best > rows[0].rest
    assert rows[0].contrast > 0
    turned = shared_components(nets, -counts, larger_is_better=True)
    assert next(row for row in turned if row.component == kind).contrast < 0


def test_counts_are_means_over_the_best_tenth_and_the_rest(space: SearchSpace) -> None:
    nets = [space.decode(row) for row in space.sample(40, np.random.default_rng(1))]
    values = np.random.default_rng(2).normal(size=40)
    order = np.argsort(values)
    for row in shared_components(nets, values):
        counts = np.array([components(net)[row.component] for net in nets])
        assert row.best == pytest.approx(counts[order[:4]].mean())
        assert row.rest == pytest.approx(counts[order[4:]].mean())


def test_of_few_or_equal_architectures_nothing_is_said(space: SearchSpace) -> None:
    net = space.decode(space.sample(1, np.random.default_rng(0))[0])
    assert shared_components([net] * 5, np.arange(5.0)) == ()
    assert shared_components([net] * 20, np.arange(20.0)) == ()


def test_the_figure_shows_the_most_telling_on_top(space: SearchSpace) -> None:
    nets = [space.decode(row) for row in space.sample(60, np.random.default_rng(0))]
    rows = shared_components(nets, np.random.default_rng(0).normal(size=60))
    figure = figure_shared_components(rows, most=5)
    assert list(figure.data[-1].y) == [row.component for row in rows[:5]][::-1]
    assert list(figure.data[-1].x) == [row.best for row in rows[:5]][::-1]
