"""The errors of this room: one clear line that names what is wrong and what was expected."""

from collections.abc import Iterable
from difflib import get_close_matches


class SpaceError(ValueError):
    """A slot, choice, genotype or setting that the search space does not have."""


class ArchitectureError(ValueError):
    """A graph that is no architecture: a cycle, an unknown kind, an attribute out of range."""


def nearest(name: str, valid: Iterable[str]) -> str:
    """The end of a message about an unknown name: the nearest valid one, or what there is.

    Args:
        name: what was asked for; its case does not matter.
        valid: what there is.

    Returns:
        ``"did you mean 'x'?"``, or ``"expected one of a, b, c"`` with the first twelve.

    Example:
        >>> nearest("lable", ["label", "user"])
        "did you mean 'label'?"
    """
    names = sorted(valid)
    if not names:
        return "there is none"
    lowered = {candidate.lower(): candidate for candidate in reversed(names)}
    close = get_close_matches(str(name).lower(), lowered, n=1, cutoff=0.5)
    if close:
        return f"did you mean {lowered[close[0]]!r}?"
    return f"expected one of {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}"
