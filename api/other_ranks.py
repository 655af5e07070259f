"""A search under torchrun: the first process does it, the others train the supernet with it."""

import logging
import time
from pathlib import Path

from dagsmith.errors import RunError
from dagsmith.job import OF_SUPERNET, Job, search_directory
from dagsmith.progress import SilentReporter
from dagsmith.run_directory import read_configuration
from dagsmith.settings import SearchSettings
from dagsmith.training import train_shared

logger = logging.getLogger("dagsmith.other_ranks")
POLL_S = 0.5


def train_beside(settings: SearchSettings, out: str | Path) -> None:
    """Train the supernet of the search in `out` with the process that does all of it.

    Data and recipe are the first process's work: this one waits until they are finished, and for
    nothing if the supernet is. It writes nothing into the directory, which both must see. Where
    candidates are trained alone there is no supernet and nothing to do.

    Args:
        settings: of the search, the same in all processes.
        out: directory of the run.
    """
    while not _begun(settings, out):
        time.sleep(POLL_S)
    directory = search_directory(settings, out)
    while directory.output("recipe") is None:
        time.sleep(POLL_S)
    job = Job(settings, directory, SilentReporter())
    if job.evaluator not in OF_SUPERNET:
        logger.warning("candidates are trained alone: without a supernet one process does it all")
    elif directory.output("supernet") is None:
        train_shared(job)


def _begun(settings: SearchSettings, out: str | Path) -> bool:
    """Whether the first process has written what it does; an older job may lie there before."""
    try:
        return read_configuration(out) == settings.to_dict()
    except RunError:
        return False
