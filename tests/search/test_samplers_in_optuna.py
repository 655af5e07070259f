"""Our samplers in studies of others: fixed slots, constraints, workers, new processes."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from dagsmith.search import make_sampler
from dagsmith.search.record import RecordReader, constraints_of
from dagsmith.space import SearchSpace

OURS = ("mh", "mh-pareto", "mh-walk", "evolution", "local", "random")


def keys_of(study: optuna.Study, space: SearchSpace) -> list[str]:
    """The keys of what was really evaluated."""
    return [space.decode(space.from_params(trial.params)).key for trial in study.trials]


@pytest.mark.parametrize("name", OURS)
def test_fixed_parameters_hold_and_the_rest_is_new(
    name: str, space: SearchSpace, evaluator: Callable, predictor: Callable
) -> None:
    table = evaluator()
    slot = next(slot for slot in space.slots if len(slot.choices) == 4)
    sampler = optuna.samplers.PartialFixedSampler(
        {slot.name: slot.choices[1]}, make_sampler(name, space, 0, initial=5, predictor=predictor)
    )
    study = optuna.create_study(sampler=sampler)
    study.optimize(lambda trial: table.logloss(space.suggest(trial)), n_trials=14)
    assert {trial.params[slot.name] for trial in study.trials} == {slot.choices[1]}
    keys = keys_of(study, space)
    assert len(set(keys)) == 14
    assert [trial.user_attrs["key"] for trial in study.trials] == keys


@pytest.mark.parametrize("name", OURS)
def test_a_partly_enqueued_trial_is_completed_to_something_new(
    name: str, space: SearchSpace, evaluator: Callable, predictor: Callable
) -> None:
    table = evaluator()
    slot = next(slot for slot in space.slots if len(slot.choices) == 4)
    study = optuna.create_study(sampler=make_sampler(name, space, 0, predictor=predictor))
    for choice in slot.choices:
        study.enqueue_trial({slot.name: choice})
    study.optimize(lambda trial: table.logloss(space.suggest(trial)), n_trials=6)
    enqueued = [trial.params[slot.name] for trial in study.trials[: len(slot.choices)]]
    assert enqueued == list(slot.choices)
    assert [trial.user_attrs["key"] for trial in study.trials] == keys_of(study, space)
    assert len(set(keys_of(study, space))) == 6


@pytest.mark.parametrize("name", OURS)
def test_what_is_enqueued_is_not_proposed_as_well(
    name: str, exhaustible: SearchSpace, evaluator: Callable, predictor: Callable
) -> None:
    table = evaluator()
    sampler = make_sampler(name, exhaustible, 0, initial=3, predictor=predictor)
    study = optuna.create_study(sampler=sampler)
    for row in exhaustible.sample(12, np.random.default_rng(0)):
        study.enqueue_trial(exhaustible.to_params(row))
    waiting = {
        exhaustible.decode(exhaustible.from_params(t.system_attrs["fixed_params"])).key
        for t in study.trials
    }
    # A worker of its own, which the enqueued trials are not for.
    asked = optuna.trial.create_trial(state=TrialState.RUNNING)
    study.add_trial(asked)
    running = study.get_trials(deepcopy=False)[-1]
    params = study.sampler.sample_relative(
        study, running, study.sampler.infer_relative_search_space(study, running)
    )
    genotype = exhaustible.from_params(params)
    assert exhaustible.decode(genotype).key not in waiting
    assert table.logloss(exhaustible.decode(genotype)) > 0


@pytest.mark.parametrize("name", OURS)
def test_workers_with_the_same_seed_do_not_evaluate_the_same(
    name: str, space: SearchSpace, evaluator: Callable, predictor: Callable
) -> None:
    table = evaluator()
    storage = optuna.storages.InMemoryStorage()
    optuna.create_study(storage=storage, study_name="one")
    workers = [
        optuna.load_study(
            study_name="one",
            storage=storage,
            sampler=make_sampler(name, space, 0, initial=6, batch=4, predictor=predictor),
        )
        for _ in range(3)
    ]
    for _ in range(5):
        trials = [worker.ask() for worker in workers]
        values = [table.logloss(space.suggest(trial)) for trial in trials]
        for worker, trial, value in zip(workers, trials, values, strict=True):
            worker.tell(trial, value)
    keys = keys_of(workers[0], space)
    assert len(set(keys)) == 15
    assert [trial.user_attrs["key"] for trial in workers[0].trials] == keys


WORKER = """
import sys
import optuna
from dagsmith.search import make_sampler
from dagsmith.space import nasrec_small

optuna.logging.set_verbosity(optuna.logging.ERROR)
space = nasrec_small(4, 5, blocks=1, widths=(16, 32), rows=(16, 32))
study = optuna.create_study(
    storage=optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(sys.argv[1])
    ),
    study_name="shared",
    load_if_exists=True,
    sampler=make_sampler("evolution", space, 0, initial=4, batch=4),
)
study.optimize(lambda trial: len(space.suggest(trial).nodes) + 0.01 * trial.number, n_trials=8)
"""


def test_processes_share_a_study_and_a_later_one_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "journal.log"
    command = [sys.executable, "-c", WORKER, str(file)]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    later = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert later.returncode == 0, later.stderr
    study = optuna.load_study(
        study_name="shared",
        storage=JournalStorage(JournalFileBackend(str(file))),
    )
    keys = [trial.user_attrs["key"] for trial in study.trials]
    assert len(keys) == len(set(keys)) == 24


def constrained(
    name: str, space: SearchSpace, evaluator: Callable, predictor: Callable, trials: int
) -> optuna.Study:
    """A study whose better half (more nodes) is not allowed."""
    table = evaluator()
    sampler = make_sampler(name, space, 0, initial=16, batch=4, predictor=predictor)
    study = optuna.create_study(sampler=sampler)

    def objective(trial: optuna.Trial) -> float:
        architecture = space.suggest(trial)
        trial.set_constraint("nodes", len(architecture.nodes) - 9.0)
        return float(table.logloss(architecture) - 0.05 * len(architecture.nodes))

    study.optimize(objective, n_trials=trials)
    return study


@pytest.mark.parametrize("name", ["mh", "mh-pareto", "mh-walk", "evolution"])
def test_constraints_keep_the_search_where_it_is_allowed(
    name: str, space: SearchSpace, evaluator: Callable, predictor: Callable
) -> None:
    study = constrained(name, space, evaluator, predictor, 56)
    feasible = [trial.constraints["nodes"] <= 0 for trial in study.trials]
    assert np.mean(feasible[16:]) > np.mean(feasible[:16]) + 0.1
    assert study.best_trial.constraints["nodes"] <= 0


def test_constraints_are_read_and_mirrored_for_the_dashboard(
    space: SearchSpace, evaluator: Callable, predictor: Callable
) -> None:
    study = constrained("random", space, evaluator, predictor, 3)
    for trial in study.get_trials(deepcopy=False):
        assert trial.system_attrs["constraints"] == [trial.constraints["nodes"]]
        assert constraints_of(trial) == {"nodes": trial.constraints["nodes"]}
    record = RecordReader(space).read(study.trials, study.directions)
    assert record.constraints is not None
    assert record.constraints.shape == (3, 1)
    np.testing.assert_array_equal(record.violation, np.maximum(record.constraints[:, 0], 0.0))


def test_the_dashboard_sees_what_is_feasible(
    space: SearchSpace, evaluator: Callable, predictor: Callable
) -> None:
    serializer = pytest.importorskip("optuna_dashboard._serializer")
    study = constrained("random", space, evaluator, predictor, 2)
    for trial in study.trials:
        shown = serializer.serialize_frozen_trial(study._study_id, trial, {})
        assert shown["constraints"] == [trial.constraints["nodes"]]


def test_constraints_named_by_numbers_are_not_told_twice(space: SearchSpace) -> None:
    study = optuna.create_study(sampler=make_sampler("random", space, 0))

    def objective(trial: optuna.Trial) -> float:
        space.suggest(trial)
        trial.set_constraint("0", 1.0)
        return 0.0

    study.optimize(objective, n_trials=1)
    # Optuna warns of a constraint that is there in both forms, and warnings are errors here.
    assert study.trials[0].constraints == {"0": 1.0}
    assert constraints_of(study.trials[0]) == {"0": 1.0}


def test_two_directions_reach_a_front(
    space: SearchSpace, evaluator: Callable, predictor: Callable
) -> None:
    table = evaluator()
    sampler = make_sampler("mh-pareto", space, 0, initial=16, batch=4, predictor=predictor)
    study = optuna.create_study(sampler=sampler, directions=["minimize", "minimize"])

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        architecture = space.suggest(trial)
        return table.logloss(architecture), float(len(architecture.nodes))

    study.optimize(objective, n_trials=40)
    values = np.array([trial.values for trial in study.trials])
    early, late = values[:16], values[16:]
    better = [bool(((row <= early).all(axis=1) & (row < early).any(axis=1)).any()) for row in late]
    assert sum(better) > 4
    assert max(trial.number for trial in study.best_trials) >= 16
