"""The joint space of ctr-plus: its models and the in-memory-computing hardware that runs them.

Every stream, every tower and the fusion have a mapping of their own; the bottom tower shares that
of the pairs that it feeds, the FM term that of the head which adds it.
"""

from collections.abc import Mapping, Sequence
from typing import final

from dagsmith.space.component import Value
from dagsmith.space.ctr_plus import CTRPlusSpace, ctr_plus
from dagsmith.space.ctr_plus_streams import TOWERS
from dagsmith.space.nasrec_pim import block_place, block_places
from dagsmith.space.pim import PLUS_PIM_KINDS
from dagsmith.space.pim_space import PIMSpace

STREAMS = ("cin", "attention", "cross", "pairs", "mask")
_SHARED = {"bottom": "pairs", "fm": "head"}


@final
class CTRPlusPIMSpace(PIMSpace):
    """A ctr-plus space joined with hardware knobs; see `ctr_plus_pim`.

    Args:
        model: the space of the models.
        knobs: choices of some knobs; those not named keep the choices of `KNOBS`.

    Raises:
        SpaceError: a knob that there is not, or a choice that no hardware has.
    """

    def __init__(
        self, model: CTRPlusSpace, knobs: Mapping[str, Sequence[Value]] | None = None
    ) -> None:
        places = (*block_places(model.trunk.blocks), *STREAMS, *TOWERS, "fusion", "head")
        super().__init__("ctr-plus-pim", model, PLUS_PIM_KINDS, places, knobs)

    def place(self, name: str) -> str:
        """The stream, tower or side of a block."""
        if name.startswith("block"):
            return block_place(name)
        part = name.partition(".")[0].rstrip("0123456789")
        return _SHARED.get(part, part)


def ctr_plus_pim(
    dense_features: int,
    sparse_fields: int,
    *,
    blocks: int = 7,
    widths: Sequence[int] | None = None,
    embedding_dim: int = 16,
    knobs: Mapping[str, Sequence[Value]] | None = None,
) -> CTRPlusPIMSpace:
    """`ctr_plus` with its hardware."""
    model = ctr_plus(
        dense_features, sparse_fields, blocks=blocks, widths=widths, embedding_dim=embedding_dim
    )
    return CTRPlusPIMSpace(model, knobs)
