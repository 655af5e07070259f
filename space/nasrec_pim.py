"""The joint space of NASRec: its models and the in-memory-computing hardware that runs them.

Each block's dense and each block's sparse operator has a mapping of its own, which its merger
shares; so has the head.
"""

from collections.abc import Mapping, Sequence
from typing import final

from dagsmith.space.component import Value
from dagsmith.space.nasrec import ROWS, NASRecSpace, nasrec_full, nasrec_small
from dagsmith.space.pim import PIM_KINDS
from dagsmith.space.pim_space import PIMSpace


@final
class NASRecPIMSpace(PIMSpace):
    """A NASRec space joined with hardware knobs; see `nasrec_pim`.

    Args:
        name: name of the space.
        model: the space of the models.
        knobs: choices of some knobs; those not named keep the choices of `KNOBS`.

    Raises:
        SpaceError: a knob that there is not, or a choice that no hardware has.
    """

    model: NASRecSpace

    def __init__(
        self,
        name: str,
        model: NASRecSpace,
        knobs: Mapping[str, Sequence[Value]] | None = None,
    ) -> None:
        super().__init__(name, model, PIM_KINDS, (*block_places(model.blocks), "head"), knobs)

    def place(self, name: str) -> str:
        """The block's side, or the head."""
        return block_place(name)


def block_places(blocks: int) -> tuple[str, ...]:
    """The sides of so many choice blocks."""
    numbers = range(1, blocks + 1)
    return tuple(f"block{number}.{side}" for number in numbers for side in ("dense", "sparse"))


def block_place(name: str) -> str:
    """The side that a node of a block is on: a merger runs with the side that it adds to."""
    block, _, part = name.partition(".")
    if not part:
        return block
    return f"{block}.{'dense' if part in ('dense', 'fm', 'add_dense') else 'sparse'}"


def nasrec_pim(
    dense_features: int,
    sparse_fields: int,
    *,
    blocks: int = 7,
    widths: Sequence[int] | None = None,
    rows: Sequence[int] = ROWS,
    connection_cap: int = 4,
    embedding_dim: int = 16,
    knobs: Mapping[str, Sequence[Value]] | None = None,
) -> NASRecPIMSpace:
    """NASRec-Full with its hardware."""
    model = nasrec_full(
        dense_features,
        sparse_fields,
        blocks=blocks,
        widths=widths,
        rows=rows,
        connection_cap=connection_cap,
        embedding_dim=embedding_dim,
    )
    return NASRecPIMSpace("nasrec-pim", model, knobs)


def nasrec_pim_small(
    dense_features: int,
    sparse_fields: int,
    *,
    blocks: int = 7,
    widths: Sequence[int] | None = None,
    rows: Sequence[int] = ROWS,
    connection_cap: int = 4,
    embedding_dim: int = 16,
    knobs: Mapping[str, Sequence[Value]] | None = None,
) -> NASRecPIMSpace:
    """NASRec-Small with its hardware."""
    model = nasrec_small(
        dense_features,
        sparse_fields,
        blocks=blocks,
        widths=widths,
        rows=rows,
        connection_cap=connection_cap,
        embedding_dim=embedding_dim,
    )
    return NASRecPIMSpace("nasrec-pim-small", model, knobs)
