"""What the search loop must know of a study's trials, at a cost that their number does not set."""

from collections.abc import Sequence

import optuna
from optuna.trial import FrozenTrial, TrialState

from dagsmith.search.record import KEY, POSITION, ROUND, WORKER, evaluated, interrupted
from dagsmith.search.workers import worker_name

_RECENT = 16
"""Trials that are looked at for other workers."""


class Ledger:
    """Counts and claims of a study, brought up to date by looking at unfinished and new trials.

    A finished trial never changes, so each is looked at once.

    Args:
        study: any study.

    Attributes:
        evaluated: architectures evaluated by now, failed ones included.
        failed: those of them that failed.
        last_round: the last round that has a trial; -1 if none has.
        trials: all trials at the last `refresh`.
    """

    def __init__(self, study: optuna.Study) -> None:
        self._study = study
        self._open: list[int] = []
        self._keys: set[str] = set()
        self._interrupted: list[FrozenTrial] = []
        self.evaluated = self.failed = 0
        self.last_round = -1
        self.trials: list[FrozenTrial] = []
        self.refresh()

    def refresh(self) -> None:
        """Read what has changed."""
        known = len(self.trials)
        self.trials = self._study.get_trials(deepcopy=False)
        looked_at = [*self._open, *range(known, len(self.trials))]
        self._open = []
        for number in looked_at:
            trial = self.trials[number]
            self.last_round = max(self.last_round, round_of(trial))
            if not trial.state.is_finished():
                self._open.append(number)
            elif evaluated(trial):
                self.evaluated += 1
                self.failed += trial.state != TrialState.COMPLETE
                if KEY in trial.user_attrs:
                    self._keys.add(str(trial.user_attrs[KEY]))
            elif interrupted(trial):
                self._interrupted.append(trial)

    @property
    def shared(self) -> bool:
        """Whether other workers take part, as far as the last trials tell."""
        workers = {trial.user_attrs.get(WORKER) for trial in self.trials[-_RECENT:]}
        return bool(workers - {None, worker_name()})

    @property
    def others_running(self) -> bool:
        """Whether another worker is evaluating something."""
        return any(
            trial.user_attrs.get(WORKER) not in (None, worker_name()) for trial in self.running
        )

    @property
    def running(self) -> list[FrozenTrial]:
        """The trials that are being evaluated."""
        unfinished = (self.trials[number] for number in self._open)
        return [trial for trial in unfinished if trial.state == TrialState.RUNNING]

    @property
    def in_progress(self) -> int:
        """How many trials of searches are being evaluated; those of others may never end."""
        return sum(round_of(trial) >= 0 for trial in self.running)

    def claimed(self, key: str, before: int | None = None) -> bool:
        """Whether an architecture was evaluated, or is being evaluated.

        Args:
            key: its canonical key.
            before: look only at running trials made before the one with this id. Storages make
                trials one after the other, so of all who claim a key exactly one has none before.
        """
        return key in self._keys or any(
            trial.user_attrs.get(KEY) == key and (before is None or trial._trial_id < before)
            for trial in self.running
        )

    @property
    def orphans(self) -> list[FrozenTrial]:
        """Interrupted trials whose architecture nobody has taken up, in the order of proposals."""
        found: dict[str, FrozenTrial] = {}
        for trial in self._interrupted:
            key = str(trial.user_attrs.get(KEY, ""))
            if key and key not in found and not self.claimed(key):
                found[key] = trial
        # What was taken up need not be looked at again, unless it is orphaned once more.
        self._interrupted = [
            t for t in self._interrupted if str(t.user_attrs.get(KEY, "")) not in self._keys
        ]
        return sorted(found.values(), key=place_of)


def round_of(trial: FrozenTrial) -> int:
    """The round of a trial; -1 for one that the loop did not make."""
    return int(trial.user_attrs.get(ROUND, -1))


def place_of(trial: FrozenTrial) -> tuple[int, int]:
    """Its round and its place among the proposals of that round."""
    return round_of(trial), int(trial.user_attrs.get(POSITION, 0))


def in_order_of_proposals(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The search loop's trials as they were proposed; those of others keep their places.

    What was interrupted and evaluated later has a number behind those that were quicker. In this
    order the trials are those of a search that nothing has interrupted.
    """
    ours = iter(sorted((trial for trial in trials if round_of(trial) >= 0), key=place_of))
    return [next(ours) if round_of(trial) >= 0 else trial for trial in trials]
