"""The named spaces over a click log, as the command line offers them."""

from collections.abc import Callable

from dagsmith.space.nasrec import NASRecSpace, nasrec_full, nasrec_small
from dagsmith.space.nasrec_pim import NASRecPIMSpace, nasrec_pim, nasrec_pim_small

CTRSpace = NASRecSpace | NASRecPIMSpace
"""A space of CTR models, alone or joined with their hardware: what a supernet can be made of."""

SPACES: dict[str, Callable[..., CTRSpace]] = {
    "nasrec-small": nasrec_small,
    "nasrec-full": nasrec_full,
    "nasrec-pim": nasrec_pim,
    "nasrec-pim-small": nasrec_pim_small,
}
"""The named spaces, each made from the field counts of the data."""
