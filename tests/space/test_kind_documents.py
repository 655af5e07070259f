import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagsmith.space import (
    CELL_KINDS,
    ArchitectureError,
    Categorical,
    ComponentKind,
    Flag,
    Number,
    Vocabulary,
    csco_cifar10,
    nasrec_full,
    nasrec_small,
)
from dagsmith.space.kind_documents import kinds_from_list, kinds_to_list, merge_kinds

NAMES = st.text("abc", min_size=1, max_size=3)
ATTRIBUTES = st.one_of(
    st.builds(Categorical, NAMES, st.lists(NAMES, min_size=1, max_size=3, unique=True).map(tuple)),
    st.builds(Number, NAMES, st.sampled_from(["linear", "log"])),
    st.builds(Flag, NAMES),
)
KINDS = st.builds(
    ComponentKind,
    NAMES,
    st.lists(ATTRIBUTES, max_size=3, unique_by=lambda a: a.name).map(tuple),
    st.lists(NAMES, min_size=1, max_size=2, unique=True).map(tuple),
)
VOCABULARIES = st.lists(KINDS, max_size=4, unique_by=lambda kind: kind.name).map(
    lambda kinds: Vocabulary(tuple(kinds))
)


@given(VOCABULARIES)
def test_kinds_survive_json(kinds: Vocabulary) -> None:
    assert kinds_from_list(json.loads(json.dumps(kinds_to_list(kinds)))) == kinds


@given(VOCABULARIES)
def test_merging_with_itself_changes_nothing(kinds: Vocabulary) -> None:
    assert merge_kinds([kinds, kinds]) == kinds


def test_spaces_that_share_their_kinds_share_one_vocabulary() -> None:
    small, full = nasrec_small(4, 5).kinds, nasrec_full(4, 5).kinds
    merged = merge_kinds([small, full])
    assert set(merged) == set(small) | set(full)
    assert set(merge_kinds([small, csco_cifar10().kinds, CELL_KINDS])) == {
        *small,
        *csco_cifar10().kinds,
        *CELL_KINDS,
    }


def test_choices_are_joined_and_namesakes_that_differ_refused() -> None:
    def kinds(*attributes: Categorical | Number, ports: tuple[str, ...] = ("in",)) -> Vocabulary:
        return Vocabulary((ComponentKind("conv", attributes, ports),))

    one, other = Categorical("act", ("relu", "gelu")), Categorical("act", ("gelu", "silu"))
    joined = merge_kinds([kinds(one), kinds(other)])["conv"].attributes[0]
    assert joined == Categorical("act", ("relu", "gelu", "silu"))
    with pytest.raises(ArchitectureError, match="attribute 'act' of kind 'conv'"):
        merge_kinds([kinds(one), kinds(Number("act"))])
    with pytest.raises(ArchitectureError, match="kind 'conv' has attributes"):
        merge_kinds([kinds(one), kinds(one, Number("width"))])
    with pytest.raises(ArchitectureError, match="ports"):
        merge_kinds([kinds(one), kinds(one, ports=("left",))])


@pytest.mark.parametrize("document", [[{}], [{"name": "a", "attributes": [{}], "ports": []}], [3]])
def test_what_is_no_list_of_kinds_is_refused(document: list[dict[str, object]]) -> None:
    with pytest.raises(ArchitectureError, match="damaged list of component kinds"):
        kinds_from_list(document)
