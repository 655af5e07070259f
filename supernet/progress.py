"""How long work tells of its progress."""

from collections.abc import Callable

Progress = Callable[[str, int, int | None], None]
"""Called with a stage, the work done, and the work in all (None where unknown)."""


def silent(stage: str, done: int, total: int | None) -> None:
    """Say nothing."""
