"""The error of this room."""


class PredictorError(ValueError):
    """Labels, architectures or a file that a predictor cannot use, said in one line."""
