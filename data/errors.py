"""What a data set complains with: one line that names the place and what was expected."""


class DatasetError(ValueError):
    """A source, a schema or a store that cannot be used, said in one line."""
