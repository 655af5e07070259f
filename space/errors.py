"""The errors of this room: one clear line that names what is wrong and what was expected."""

from collections.abc import Iterable
from difflib import get_close_matches


class SpaceError(ValueError):
    """A slot, choice, genotype or setting that the search space does not have."""


class ArchitectureError(ValueError):
    """A graph that is no architecture: a cycle, an unknown kind, an attribute out of range."""


def nearest(name: str, valid: Iterable[str]) -> str:
    """Say which valid name is nearest to `name`: ``"did you mean 'x'?"`` or the list of all."""
    names = sorted(valid)
    close = get_close_matches(str(name), names, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"expected one of {', '.join(names)}"
