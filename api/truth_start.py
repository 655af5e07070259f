"""A search whose predictor knows truth tables before it sees the log: transfer between logs."""

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

from dagsmith.data import shipped_truth_tables, truth_table
from dagsmith.errors import RunError
from dagsmith.predictor import GNNPredictor, GNNSettings, TrainingSettings
from dagsmith.progress import Progress
from dagsmith.space import Vocabulary

TRUTH = "valid_logloss"
"""What is learned of a table: the validation log loss of trainings from scratch."""
SETTINGS = GNNSettings(training=TrainingSettings(epochs=30, batch=32))
"""A quarter of the processor time of a usual fit; what it transfers is as good."""
GENERATED = "synthetic"
"""How names of tables begin whose log was generated."""


def tables_of(space: str) -> tuple[str, ...]:
    """The shipped tables of the named space whose logs are real, in the order they are learned.

    What a generated log teaches is worth less on a real one (docs/results.md).
    """
    return tuple(n for n in shipped_truth_tables(space) if not n.startswith(GENERATED))


class TruthStart:
    """Makes predictors whose fit starts from one that has learned truth tables.

    It is a `PredictorFactory`, as `make_sampler` takes it. What makes an architecture good on one
    log is in part what makes it good on another; a few labels then say what is different here. The
    tables are learned one after the other, each from where the one before ended; the last weighs
    most.

    Source: transfer of what earlier tasks have taught, as in Cao et al., "AutoTransfer: AutoML with
    Knowledge Transfer", ICLR 2023, arXiv 2303.07669; here by the weights of the predictor.

    Args:
        tables: names of shipped ones, or files, at least one.
        kept: file of what was learned, read if it is there; None keeps nothing.
        settings: of the predictor that learns them.
        seed: of that predictor.
        progress: told of ``"predictor"``, steps done and to do.

    Raises:
        RunError: no table.

    Example:
        >>> start = TruthStart(["frappe-ctr-plus"])
        >>> # make_sampler("mh", space, seed, predictor=start)
    """

    def __init__(
        self,
        tables: Sequence[str],
        kept: Path | None = None,
        *,
        settings: GNNSettings = SETTINGS,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> None:
        if not tables:
            raise RunError("no truth table to begin with; expected at least one")
        self.tables = tuple(tables)
        self._kept, self._settings, self._seed = kept, settings, seed
        self._progress = progress or (lambda step, done, total: None)

    def __call__(self, kinds: Vocabulary, seed: int) -> GNNPredictor:
        """A predictor that is not fitted yet.

        Raises:
            PredictorError: the tables are over other component kinds.
        """
        return GNNPredictor(kinds, seed=seed, unknown="mean").start_from(self.learned)

    @cached_property
    def learned(self) -> GNNPredictor:
        """What all tables have taught.

        Raises:
            DatasetError: a table that is not there, or damaged.
            RunError: tables over different component kinds.
        """
        if self._kept is not None and self._kept.exists():
            return GNNPredictor.load(self._kept)
        known = [truth_table(name).table.measured(TRUTH) for name in self.tables]
        for name, table in zip(self.tables, known, strict=True):
            if table.kinds != known[0].kinds:
                raise RunError(
                    f"truth table {name}: its architectures are of other components than those "
                    f"of {self.tables[0]}"
                )
        predictor = GNNPredictor(known[0].kinds, self._settings, self._seed, "mean")
        for place, table in enumerate(known):
            if place:
                predictor.start_from(predictor)
            predictor.fit(table.population, table.column(TRUTH), progress=self._share(place))
        if self._kept is not None:
            predictor.save(self._kept)
        return predictor

    def _share(self, place: int) -> Callable[[int, int], None]:
        """Progress of one table as a share of that of all."""
        return lambda done, total: self._progress(
            "predictor", place * total + done, len(self.tables) * total
        )
