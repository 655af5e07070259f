import numpy as np
import pytest

from dagsmith.predictor.node_features import NodeFeatures
from dagsmith.search.coverage import component_marks, covering_rows
from dagsmith.space import SearchSpace, ctr_plus, nasrec_full


@pytest.mark.parametrize("space", [ctr_plus(3, 5, blocks=2), nasrec_full(3, 5, blocks=3)])
@pytest.mark.parametrize("count", [1, 12])
def test_with_the_covering_rows_nothing_of_the_pool_is_strange(
    space: SearchSpace, count: int
) -> None:
    rng = np.random.default_rng(0)
    known = space.sample(count, rng)
    genotypes = space.sample(200, rng)
    pool = space.decode_many(genotypes)
    rows = covering_rows(pool, space.decode_many(known))
    assert len(rows) == len(set(rows)) < 40
    both = space.decode_many(np.vstack([known, genotypes[rows]]))
    # As the predictor sees it.
    features = NodeFeatures.fit(both)
    nodes = pool.present
    seen = features.transform(pool.kind[nodes], pool.attributes[nodes])
    assert not features.strange(seen).any()
    # Each was needed when it was chosen.
    marks = component_marks(pool)
    had = component_marks(space.decode_many(known)).any(axis=0)
    for row in rows:
        assert (marks[row] & ~had).any()
        had |= marks[row]
    assert covering_rows(pool, both) == []


def test_an_empty_pool_covers_nothing() -> None:
    space = nasrec_full(3, 5, blocks=1)
    some = space.decode_many(space.sample(2, np.random.default_rng(0)))
    assert covering_rows(some[:0], some) == []
