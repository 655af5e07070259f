"""Processes of joblib, without a warning that says nothing to the user."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_workers() -> Iterator[None]:
    """Leave out joblib's warning that it replaces a process whose memory has grown.

    Nothing is lost by it.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="A worker stopped while some jobs")
        yield
