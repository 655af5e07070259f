"""What a data set complains with: one line that names the place and what was expected."""

import difflib
from collections.abc import Iterable


class DatasetError(ValueError):
    """A source, a schema or a store that cannot be used, said in one line."""


def nearest(name: str, candidates: Iterable[str]) -> str:
    """The end of a message about an unknown name: the closest candidate, or all of them.

    Args:
        name: What was asked for.
        candidates: What there is.

    Returns:
        ``"; did you mean 'x'?"`` or ``"; there are: a, b, c"``.

    Example:
        >>> nearest("lable", ["label", "user"])
        "; did you mean 'label'?"
    """
    names = [str(candidate) for candidate in candidates]
    lowered = {candidate.lower(): candidate for candidate in reversed(names)}
    match = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.6)
    if match:
        return f"; did you mean {lowered[match[0]]!r}?"
    shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    return f"; there are: {shown}" if names else ""
