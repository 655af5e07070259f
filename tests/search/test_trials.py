from datetime import datetime, timedelta

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from dagsmith.search.objectives import parse_objectives
from dagsmith.search.trials import Trials

BEGUN = datetime(2026, 1, 1)


def study_of(*spans: tuple[float, float]) -> optuna.Study:
    """A study whose trials ran from so many seconds to so many."""
    study = optuna.create_study()
    for number, (start, end) in enumerate(spans):
        study.add_trial(
            FrozenTrial(
                number=number,
                trial_id=number,
                state=TrialState.COMPLETE,
                value=0.5,
                datetime_start=BEGUN + timedelta(seconds=start),
                datetime_complete=BEGUN + timedelta(seconds=end),
                params={},
                distributions={},
                user_attrs={"key": str(number), "round": 0, "metric.logloss": 0.5},
                system_attrs={},
                intermediate_values={},
            )
        )
    return study


@pytest.mark.parametrize(
    ("spans", "elapsed"),
    [
        ([(0, 10), (12, 20)], [10, 20]),
        # Side by side: what they share counts once.
        ([(0, 10), (0, 10), (10, 30), (10, 25)], [10, 10, 30, 25]),
        # Somebody came back the next day.
        ([(0, 10), (90_000, 90_005)], [10, 15]),
    ],
)
def test_seconds_since_the_search_began(
    spans: list[tuple[float, float]], elapsed: list[float]
) -> None:
    records = Trials(study_of(*spans), parse_objectives("logloss")).records()
    assert [record["elapsed_s"] for record in records] == elapsed
