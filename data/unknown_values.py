"""Telling of a field whose values the training rows hardly have: often another type or file."""

import logging
from collections.abc import Mapping, Sequence

from dagsmith.data.encoders import SparseField

MOSTLY = 0.9
"""Share of values out of vocabulary above which something is likely to be wrong."""

_log = logging.getLogger(__name__)


def unknown_warnings(
    where: str, shares: Mapping[str, float], fields: Sequence[SparseField]
) -> list[str]:
    """Warn of every field that is mostly unknown, and return what was said.

    Args:
        where: the rows, as in "split 'test'".
        shares: field -> values out of vocabulary for each row.
        fields: all fields; those of several values in a row are left out.
    """
    several = {field.name for field in fields if field.multivalued}
    warnings = [
        f"{where}: {share:.0%} of the values of {name!r} do not occur in the training rows"
        for name, share in shares.items()
        if share > MOSTLY and name not in several
    ]
    for warning in warnings:
        _log.warning("%s", warning)
    return warnings
