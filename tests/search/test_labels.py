from collections.abc import Callable

import optuna
import pytest

from dagsmith.search import Objective, SearchError, StudyError, make_sampler, open_study, run_search
from dagsmith.search.labels import read_labels
from dagsmith.search.study import KINDS
from dagsmith.space import SearchSpace, nasrec_full, nasrec_small


def searched(
    space: SearchSpace,
    evaluator: Callable,
    name: str = "a",
    *,
    objectives: tuple[Objective, ...] = (Objective("logloss", "minimize"),),
    data: str = "day 1",
    fail: tuple[int, ...] = (),
    trials: int = 12,
    storage: optuna.storages.BaseStorage | None = None,
) -> optuna.Study:
    storage = storage or optuna.storages.InMemoryStorage()
    study = open_study(storage, name, space, objectives, context={"data": data})
    run_search(
        study,
        space,
        evaluator(fail=fail),
        sampler=lambda seed: make_sampler("random", space, seed),
        trials=trials,
        initial=6,
    )
    return study


def test_every_completed_trial_is_a_label(space: SearchSpace, evaluator: Callable) -> None:
    study = searched(space, evaluator, fail=tuple(range(8)))
    labels = read_labels([study])
    complete = study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
    assert 0 < len(complete) < 12
    assert [row.trial for row in labels.rows] == [trial.number for trial in complete]
    assert [row.value for row in labels.rows] == [trial.value for trial in complete]
    assert all(row.key == row.architecture.key for row in labels.rows)
    assert labels.kinds == space.kinds
    assert labels.fidelity == "table"
    assert str(labels.objective) == "logloss:minimize"


def test_studies_over_spaces_that_share_kinds_are_joined_in_time(evaluator: Callable) -> None:
    small = nasrec_small(4, 5, blocks=2)
    full = nasrec_full(4, 5, blocks=2)
    one, other = searched(small, evaluator, "a"), searched(full, evaluator, "b")
    labels = read_labels([other, one])
    assert len(labels.rows) == 24
    assert [row.study for row in labels.rows] == ["a"] * 12 + ["b"] * 12
    for row in labels.rows:
        row.architecture.validate(labels.kinds)


def test_an_older_study_without_kinds_is_read_by_what_it_holds(
    space: SearchSpace, evaluator: Callable
) -> None:
    study = searched(space, evaluator)
    study.set_user_attr(KINDS, None)
    labels = read_labels([study])
    assert set(labels.kinds) <= set(space.kinds)
    for row in labels.rows:
        row.architecture.validate(labels.kinds)
    assert open_study(study._storage, "a", space, (Objective("logloss", "minimize"),)).user_attrs[
        KINDS
    ]


def test_values_that_do_not_compare_are_refused(space: SearchSpace, evaluator: Callable) -> None:
    one = searched(space, evaluator, "a")
    with pytest.raises(StudyError, match="'a' was made with data 'day 1', study 'b' with 'day 2'"):
        read_labels([one, searched(space, evaluator, "b", data="day 2")])
    auc = (Objective("auc", "maximize"),)
    with pytest.raises(SearchError, match="study 'b' has no objective 'logloss'"):
        read_labels([one, searched(space, evaluator, "b", objectives=auc)])
    wrong = (Objective("logloss", "maximize"),)
    with pytest.raises(SearchError, match="study 'b' has logloss:maximize, study 'a' logloss:min"):
        read_labels([one, searched(space, evaluator, "b", objectives=wrong)])
    with pytest.raises(StudyError, match="no study"):
        read_labels([])


def test_a_foreign_study_is_refused() -> None:
    foreign = optuna.create_study(study_name="foreign")
    foreign.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
    with pytest.raises(StudyError, match="'foreign' has 3 completed trials, but none with an arch"):
        read_labels([foreign])


def test_fidelities_are_not_mixed(space: SearchSpace, evaluator: Callable) -> None:
    one, other = searched(space, evaluator, "a"), searched(space, evaluator, "b", trials=8)
    for trial in other.get_trials(deepcopy=False):
        trial.user_attrs["fidelity"] = "scratch"
    assert read_labels([other]).fidelity == "scratch"
    with pytest.raises(StudyError, match=r"evaluated in 2 ways \(scratch, table\)"):
        read_labels([one, other])
    assert len(read_labels([one, other], fidelity="scratch").rows) == 8


def test_a_study_without_trials_has_no_labels(space: SearchSpace) -> None:
    study = open_study(
        optuna.storages.InMemoryStorage(), "a", space, (Objective("logloss", "minimize"),)
    )
    assert read_labels([study]).rows == ()
