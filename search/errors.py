"""The errors of this room."""


class StudyError(ValueError):
    """A study that cannot be opened, or that was made for something else."""


class SearchError(ValueError):
    """A setting, sampler or evaluation that a search cannot go on with."""
