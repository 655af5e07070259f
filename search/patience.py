"""A storage that is gone for a while: wait for it, and in the end stop with what is saved."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import SQLAlchemyError

from dagsmith.search.errors import StudyError

LOST = (StorageInternalError, SQLAlchemyError)
"""What storages raise when their database does not answer."""
PATIENCE_S = 600.0
PAUSE_S = 5.0

Result = TypeVar("Result")
_log = logging.getLogger(__name__)


def patiently(work: Callable[[], Result]) -> Result:
    """Do `work` on the storage, and again while the storage is lost.

    Args:
        work: may be done twice, should an answer get lost after it was done.

    Raises:
        StudyError: the storage stayed away for ten minutes.
    """
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return work()
        except LOST as error:
            reason = str(error.__cause__ or error).splitlines()[0]
            if time.monotonic() > deadline:
                raise StudyError(
                    f"the storage was lost ({reason}); what was finished is in it, and the same "
                    "call goes on from there"
                ) from None
            _log.warning("the storage does not answer (%s); waiting for it", reason)
            time.sleep(PAUSE_S)
