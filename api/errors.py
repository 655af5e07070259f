"""The errors of the command line, the run directory and the result document."""


class RunError(ValueError):
    """A run directory or settings that a job cannot go on with, said in one line."""


class ResultError(ValueError):
    """A document that is no result of a search; the message names the place."""


class ModelError(ValueError):
    """A model directory, or rows given to a model, that cannot be used; said in one line."""


class StoreError(ValueError):
    """A predictor store that cannot be used, said in one line."""


class StoreBusyError(StoreError):
    """Another process is at work in the predictor store."""
