"""The named spaces over a click log, as the command line offers them."""

from collections.abc import Sequence
from typing import Protocol

from dagsmith.space.click_space import ClickSpace
from dagsmith.space.ctr_plus import ctr_plus
from dagsmith.space.ctr_plus_pim import ctr_plus_pim
from dagsmith.space.nasrec import nasrec_full, nasrec_small
from dagsmith.space.nasrec_pim import nasrec_pim, nasrec_pim_small


class MakeSpace(Protocol):
    """Makes a space for the features of a data set."""

    def __call__(
        self,
        dense_features: int,
        sparse_fields: int,
        /,
        *,
        blocks: int = ...,
        widths: Sequence[int] | None = ...,
        embedding_dim: int = ...,
    ) -> ClickSpace:
        """The space; `blocks` of NASRec's kind, widths None for its own list."""
        ...


SPACES: dict[str, MakeSpace] = {
    "nasrec-small": nasrec_small,
    "nasrec-full": nasrec_full,
    "nasrec-pim": nasrec_pim,
    "nasrec-pim-small": nasrec_pim_small,
    "ctr-plus": ctr_plus,
    "ctr-plus-pim": ctr_plus_pim,
}
"""The named spaces, each made from the field counts of the data."""

BLOCKS, PLUS_BLOCKS = 7, 2
"""Choice blocks where none are asked for: those of NASRec, and fewer beside the streams of
ctr-plus, where seven of them would cost ten times what all else does."""
PLUS = ("ctr-plus", "ctr-plus-pim")
"""The spaces of streams."""


def usual_blocks(name: str) -> int:
    """Choice blocks that a search in the named space has where none are asked for."""
    return PLUS_BLOCKS if name in PLUS else BLOCKS
