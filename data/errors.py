"""What a data set complains with: one line that names the place and what was expected."""

from collections.abc import Iterator
from contextlib import contextmanager


class DatasetError(ValueError):
    """A source, a schema or a store that cannot be used, said in one line."""


@contextmanager
def located(place: str) -> Iterator[None]:
    """Put the place in front of complaints of those who do not know it."""
    try:
        yield
    except DatasetError as error:
        raise DatasetError(f"{place}: {error}") from None
