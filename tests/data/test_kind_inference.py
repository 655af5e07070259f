import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagsmith.data import infer_kinds
from dagsmith.space import (
    Architecture,
    ArchitectureError,
    Categorical,
    ComponentKind,
    Edge,
    Flag,
    Node,
    Number,
    nasrec_full,
)


def test_every_type_of_attribute_is_recognised() -> None:
    def conv(**changed: str | float | bool) -> Architecture:
        values: dict[str, str | float | bool] = {"act": "relu", "width": 16, "bias": True}
        node = Node("conv", tuple((values | {"shift": 0} | changed).items()))
        nodes = (Node.of("left_input"), Node.of("right_input"), node)
        return Architecture(nodes, (Edge(0, 2, "left"), Edge(1, 2, "right")))

    kinds = infer_kinds([conv(), conv(act="gelu", width=512.5, bias=False, shift=-1000)])
    assert kinds.kinds == (
        ComponentKind(
            "conv",
            (
                Categorical("act", ("gelu", "relu")),
                Flag("bias"),
                Number("shift"),
                Number("width", "log"),
            ),
            ("left", "right"),
        ),
        ComponentKind("left_input", (), ()),
        ComponentKind("right_input", (), ()),
    )


@pytest.mark.parametrize(
    ("values", "scale"),
    [((1, 9), "linear"), ((1, 10), "log"), ((0, 10), "linear"), ((5,), "linear")],
)
def test_a_log_scale_is_for_numbers_whose_ratio_counts(values: tuple[int, ...], scale: str) -> None:
    nets = [Architecture((Node.of("fc", width=value),), ()) for value in values]
    (attribute,) = infer_kinds(nets)["fc"].attributes
    assert isinstance(attribute, Number)
    assert attribute.scale == scale


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_inferred_kinds_fit_and_do_not_depend_on_the_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    space = nasrec_full(3, 5, blocks=3)
    nets = [space.decode(genotype) for genotype in space.sample(6, rng)]
    kinds = infer_kinds(nets)
    for net in nets:
        net.validate(kinds)
    assert infer_kinds([nets[row] for row in rng.permutation(6)]) == kinds


def test_misfits_name_both_places() -> None:
    def net(**values: str | float | bool) -> Architecture:
        return Architecture((Node("fc", tuple(values.items())),), ())

    with pytest.raises(
        ArchitectureError,
        match=r"architecture 1: a node of kind 'fc' has no attributes; "
        r"in architecture 0 it has the attributes width",
    ):
        infer_kinds([net(width=3), net()])
    for value in ("wide", True):
        with pytest.raises(
            ArchitectureError,
            match=rf"line 12: attribute 'width' of .* is {value!r}; in line 11 it is a number",
        ):
            infer_kinds([net(width=3), net(width=value)], lambda row: f"line {11 + row}")


def test_nothing_gives_no_kinds() -> None:
    assert len(infer_kinds([])) == 0


def test_what_no_vocabulary_holds_names_a_place() -> None:
    named = Architecture((Node("fc", (("kind", "x"),)),), ())
    with pytest.raises(ArchitectureError, match=r"architecture 1: .* cannot have the attribute"):
        infer_kinds([Architecture((Node.of("in"),), ()), named])
    nodes = (Node.of("in"), Node.of("add"))
    many = Architecture(nodes, tuple(Edge(0, 1, f"port{at}") for at in range(17)))
    with pytest.raises(ArchitectureError, match=r"architecture 0 and others: 17 distinct ports"):
        infer_kinds([many])
