"""Calls in processes of joblib, each result as soon as it is there."""

import warnings
from collections.abc import Generator, Iterable
from typing import Any

import joblib
from joblib.parallel import get_active_backend


def side_by_side(calls: Iterable[Any], jobs: int) -> Generator[Any]:
    """Do calls, `jobs` at a time, and yield their results in the order of their ends.

    They go through joblib, so that ``joblib.parallel_config`` can send them elsewhere. Closing the
    generator ends what is being done.

    Args:
        calls: from ``joblib.delayed``.
        jobs: how many at the same time; one is done in this process.
    """
    # Ray's backend gives all results at the end only.
    backend, _ = get_active_backend()
    streams = getattr(backend, "supports_return_generator", False)
    with warnings.catch_warnings():
        # A process whose memory has grown is replaced, and what nobody waits for any more is
        # given up: nothing is lost by either.
        warnings.filterwarnings("ignore", message="A worker stopped while some jobs")
        warnings.filterwarnings("ignore", message=r"(?s).*limit unnecessary computation time")
        found = joblib.Parallel(
            n_jobs=jobs, return_as="generator_unordered" if streams else "list"
        )(calls)
        try:
            yield from found
        finally:
            # Without this, workers would go on with what nobody waits for any more.
            if streams:
                found.close()
