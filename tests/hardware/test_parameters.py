import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dagsmith.hardware import CostError, Flops, Parameters, costs
from dagsmith.space import Architecture, Block, nasrec_full, published_nets


def parameters(block: Block, **settings: object) -> float:
    space = nasrec_full(3, 5, blocks=1)
    found = costs([space.assemble([block])], [Parameters(**settings)])  # type: ignore[arg-type]
    return float(found["parameters"][0])


@pytest.mark.parametrize(
    ("block", "expected"),
    # Weights and biases by hand, the head last: 3 dense features, 5 fields of width 16.
    [
        (Block(("fc",), ("efc",), 32, 6), (3 + 1) * 32 + (5 + 1) * 6 + (32 + 96 + 1)),
        (Block(("sum",), ("efc",), 32, 6), (3 + 1) * 32 + (5 + 1) * 6 + (32 + 96 + 1)),
        (
            Block(("gating",), ("efc",), 32, 6),
            (3 + 1) * 3 + (3 + 1) * 32 + (5 + 1) * 6 + (32 + 96 + 1),
        ),
        (
            # k = 8 rows, 36 products
            Block(("dot_product",), ("efc",), 32, 6),
            (3 + 1) * 16 + (5 + 1) * 8 + (36 + 1) * 32 + (5 + 1) * 6 + (32 + 96 + 1),
        ),
        (
            # k = 8 rows give the 36 products that are asked for
            Block(("dot_product",), ("efc",), 36, 6),
            (3 + 1) * 16 + (5 + 1) * 8 + (5 + 1) * 6 + (36 + 96 + 1),
        ),
        (
            Block(("fc",), ("attention",), 32, 6),
            (3 + 1) * 32 + (5 + 1) * 6 + 17 * 48 + 3 * 17 * 16 + (32 + 96 + 1),
        ),
        (
            Block(("fc",), ("efc",), 32, 6, fm=True),
            (3 + 1) * 32 + (5 + 1) * 6 + 17 * 32 + (32 + 96 + 1),
        ),
        (
            Block(("fc",), ("efc",), 32, 6, dense_to_sparse=True),
            (3 + 1) * 32 + (5 + 1) * 6 + 33 * 128 + (32 + (6 + 8) * 16 + 1),
        ),
        (
            Block(("fc",), ("efc",), 128, 6, dense_to_sparse=True),
            (3 + 1) * 128 + (5 + 1) * 6 + (128 + (6 + 8) * 16 + 1),
        ),
    ],
)
def test_parameters_by_hand(block: Block, expected: int) -> None:
    assert parameters(block) == expected


@given(st.lists(st.integers(1, 10**7), min_size=5, max_size=5))
@settings(max_examples=10)
@example([1, 1, 1, 2**23, 2**24])  # more rows than float32 counts
def test_embedding_tables_are_counted_when_their_rows_are_known(rows: list[int]) -> None:
    block = Block(("fc",), ("efc",), 32, 6)
    with_tables = parameters(block, cardinalities=rows, name="parameters")
    assert with_tables - parameters(block) == 16 * sum(rows)


def test_another_number_of_fields_is_refused() -> None:
    net = published_nets()["kdd-small"].architecture
    with pytest.raises(CostError, match="3 cardinalities for an architecture of 10 sparse fields"):
        costs([net], [Parameters((1, 2, 3))])


@pytest.mark.parametrize(
    ("name", "mega_parameters", "mega_flops"),
    [
        ("criteo-small", 1.78, 2.415),
        ("criteo-full", 2.22, 3.162),
        ("avazu-small", 2.84, 3.184),
        ("avazu-full", 3.18, 3.791),
        ("kdd-small", 2.61, 3.614),
        ("kdd-full", 0.44, 1.181),
    ],
)
def test_with_its_dead_parts_a_published_net_is_what_its_authors_built(
    name: str, mega_parameters: float, mega_flops: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    # NASRec's code builds and runs dead blocks, too: counted by running it.
    monkeypatch.setattr(Architecture, "live", lambda self: self)
    found = costs([published_nets()[name].architecture], [Parameters(), Flops()])
    assert round(found["parameters"][0] / 1e6, 2) == mega_parameters
    assert round(found["flops"][0] / 1e6, 3) == mega_flops
