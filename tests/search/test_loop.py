import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.storages import BaseStorage
from optuna.trial import TrialState

from dagsmith.data import Evaluation, Evaluator
from dagsmith.search import (
    CostLimit,
    Design,
    MetropolisHastingsSampler,
    MetropolisHastingsSettings,
    Objective,
    PredictorFactory,
    SearchError,
    SearchSummary,
    make_sampler,
    open_study,
    run_search,
)
from dagsmith.space import Architecture, SearchSpace, SpaceError

PROGRAM = """
import os, runpy, signal, sys
folder, file, name, sampler, deadly = sys.argv[1:]
here = runpy.run_path(folder + "/conftest.py")
tests = runpy.run_path(folder + "/test_loop.py")
def die(call):
    if call == int(deadly):
        os.kill(os.getpid(), signal.SIGKILL)
tests["search"](file, name, sampler, here["small_space"](), here["TableEvaluator"](after=die),
    here["linear"], 26)
"""


def search(
    storage: str | Path | BaseStorage,
    name: str,
    sampler: str,
    space: SearchSpace,
    evaluator: Evaluator,
    predictor: PredictorFactory,
    trials: int,
) -> optuna.Study:
    study = open_study(storage, name, space, (Objective("logloss", "minimize"),))
    settings = MetropolisHastingsSettings(initial=8, warm_up=64, chains=16, steps=4)

    def factory(seed: int) -> optuna.samplers.BaseSampler:
        if sampler == "mh":
            return MetropolisHastingsSampler(
                space, predictor=predictor, settings=settings, seed=seed
            )
        return make_sampler(sampler, space, seed, initial=8)

    run_search(
        study,
        space,
        evaluator,
        sampler=factory,
        trials=trials,
        initial=10,
        batch=6,
        seed=3,
    )
    return study


def story(study: optuna.Study) -> list[tuple[object, ...]]:
    """What a finished search is: every evaluated trial, in order, with all that it holds."""
    left_out = ("worker", "seconds")
    return [
        (
            trial.state,
            trial.values,
            trial.params,
            {k: v for k, v in trial.user_attrs.items() if k not in left_out},
        )
        for trial in study.trials
        if "interrupted" not in trial.user_attrs
    ]


def in_memory() -> optuna.storages.InMemoryStorage:
    return optuna.storages.InMemoryStorage()


def test_one_architecture_is_one_trial_with_all_that_is_known(
    tmp_path: Path,
    space: SearchSpace,
    evaluator: Callable,
    predictor: Callable,
    costs: Callable,
    logloss_flops: tuple[Objective, ...],
) -> None:
    table = evaluator()
    study = open_study(tmp_path / "s.db", "a", space, logloss_flops)
    settings = MetropolisHastingsSettings(initial=8, warm_up=64, chains=16, steps=4)
    seen: list[tuple[str, int, int | None]] = []
    summary = run_search(
        study,
        space,
        table,
        sampler=lambda seed: MetropolisHastingsSampler(
            space, predictor=predictor, settings=settings, costs=costs, objectives=logloss_flops
        ),
        trials=14,
        initial=8,
        batch=4,
        costs=costs,
        progress=lambda stage, done, total: seen.append((stage, done, total)),
    )
    assert (summary.evaluated, summary.failed, summary.added, summary.rounds) == (14, 0, 14, 3)
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)
    assert seen[-1] == ("search", 14, 14)
    assert len(set(table.calls)) == len(table.calls) == 14
    for trial in study.trials:
        notes = trial.user_attrs
        architecture = space.decode(space.from_params(trial.params))
        assert Architecture.from_json(notes["architecture"]).key == notes["key"] == architecture.key
        flops = float(costs(space.decode_many(space.from_params(trial.params)[None]))["flops"][0])
        assert trial.values == [table.logloss(architecture), flops]
        assert notes["costs.flops"] == flops
        assert notes["metrics.auc"] == pytest.approx(1.2 - trial.values[0])
        assert notes["fidelity"] == "table"
        assert notes["seconds"] == 0.0
        assert notes["round"] == (0 if trial.number < 8 else 1 if trial.number < 12 else 2)
        assert ("predicted.logloss" in notes) == (trial.number >= 8)
        if trial.number >= 8:
            assert notes["predicted.flops"] == flops
            assert notes["predicted.logloss"] != trial.values[0]


def test_a_search_ends_by_the_clock_and_goes_on_without_it(
    monkeypatch: pytest.MonkeyPatch, space: SearchSpace, evaluator: Callable
) -> None:
    now = 0.0
    monkeypatch.setattr("dagsmith.search.loop.time.perf_counter", lambda: now)

    def two_seconds(call: int) -> None:
        nonlocal now
        now += 2

    def run(study: optuna.Study, timeout: float | None) -> SearchSummary:
        return run_search(
            study,
            space,
            evaluator(after=two_seconds),
            sampler=lambda seed: make_sampler("random", space, seed, initial=4),
            trials=9,
            initial=4,
            batch=3,
            timeout=timeout,
        )

    def begun(name: str) -> optuna.Study:
        return open_study(in_memory(), name, space, (Objective("logloss", "minimize"),))

    study, whole = begun("a"), begun("b")
    first = run(study, 9)
    assert (first.evaluated, first.timed_out) == (5, True)
    assert run(study, 0).added == 0
    last = run(study, None)
    assert (last.evaluated, last.added, last.timed_out) == (9, 4, False)
    assert run(whole, 0).evaluated == 1
    assert not run(whole, 100).timed_out
    assert story(study) == story(whole)
    with pytest.raises(SearchError, match="timeout is -1; expected at least 0 seconds"):
        run(study, -1)


@pytest.mark.parametrize("sampler", ["mh", "evolution", "random", "tpe", "nsga2", "qmc"])
def test_a_search_in_pieces_ends_as_one_in_one_go(
    sampler: str, space: SearchSpace, evaluator: Callable, predictor: Callable
) -> None:
    whole = search(in_memory(), "a", sampler, space, evaluator(), predictor, 26)
    storage = in_memory()
    for trials in (3, 11, 22, 26, 26):
        pieces = search(storage, "a", sampler, space, evaluator(), predictor, trials)
    assert len(story(whole)) == 26
    assert story(pieces) == story(whole)


@pytest.mark.parametrize("sampler", ["mh", "tpe"])
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_killed_in_the_middle_and_resumed_it_ends_as_uninterrupted(
    sampler: str, tmp_path: Path, space: SearchSpace, evaluator: Callable, predictor: Callable
) -> None:
    file = tmp_path / "s.db"
    folder = str(Path(__file__).parent)
    # Dead once in the initial design, once in a round of proposals.
    for deadly in (6, 9):
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM, folder, str(file), "a", sampler, str(deadly)],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        assert run.returncode == -signal.SIGKILL, run.stderr
    resumed = search(file, "a", sampler, space, evaluator(), predictor, 26)
    whole = search(in_memory(), "a", sampler, space, evaluator(), predictor, 26)
    assert story(resumed) == story(whole)
    states = [trial.state for trial in resumed.trials]
    assert states.count(TrialState.FAIL) == 2
    assert TrialState.RUNNING not in states


def test_an_interruption_leaves_a_state_to_go_on_from(
    space: SearchSpace, evaluator: Callable, predictor: Callable
) -> None:
    def interrupt(call: int) -> None:
        if call == 13:
            raise KeyboardInterrupt

    storage = in_memory()
    with pytest.raises(KeyboardInterrupt):
        search(storage, "a", "mh", space, evaluator(after=interrupt), predictor, 26)
    study = optuna.load_study(study_name="a", storage=storage)
    assert [t.user_attrs.get("interrupted") for t in study.trials][-1] == "KeyboardInterrupt"
    resumed = search(storage, "a", "mh", space, evaluator(), predictor, 26)
    whole = search(in_memory(), "a", "mh", space, evaluator(), predictor, 26)
    assert story(resumed) == story(whole)


def test_a_failed_evaluation_fails_its_trial_and_the_search_goes_on(
    space: SearchSpace, evaluator: Callable, predictor: Callable
) -> None:
    table = evaluator(fail=range(6))
    study = search(in_memory(), "a", "mh", space, table, predictor, 26)
    failed = [trial for trial in study.trials if trial.state == TrialState.FAIL]
    assert 0 < len(failed) < 26
    assert {trial.user_attrs["failure"] for trial in failed} == {"loss became NaN"}
    assert len(study.trials) == len(set(table.calls)) == len(table.calls) == 26


def test_a_value_that_is_not_finite_is_a_failure(
    space: SearchSpace, evaluator: Callable, predictor: Callable
) -> None:
    table = evaluator()
    table.logloss = lambda architecture: float("nan")
    study = search(in_memory(), "a", "random", space, table, predictor, 3)
    assert [t.user_attrs["failure"] for t in study.trials] == ["logloss is nan"] * 3


def test_a_missing_objective_is_named_and_its_architecture_stays_free(
    space: SearchSpace, evaluator: Callable
) -> None:
    study = open_study(in_memory(), "a", space, (Objective("accuracy", "maximize"),))
    with pytest.raises(SearchError, match="no 'accuracy', which is an objective"):
        run_search(
            study,
            space,
            evaluator(),
            sampler=lambda seed: make_sampler("random", space, seed),
            trials=3,
        )
    assert [t.state for t in study.trials] == [TrialState.FAIL]
    assert "interrupted" in study.trials[0].user_attrs


def test_a_space_may_be_smaller_than_the_number_of_trials(
    exhaustible: SearchSpace, evaluator: Callable, logloss: tuple[Objective, ...]
) -> None:
    genotypes = exhaustible.sample(4000, np.random.default_rng(0))
    _, first = np.unique(exhaustible.decode_many(genotypes).fingerprint(), return_index=True)
    everything = {exhaustible.decode(genotypes[row]).key for row in first}
    for sampler in ("random", "tpe"):
        table = evaluator()
        study = open_study(in_memory(), sampler, exhaustible, logloss)
        summary = run_search(
            study,
            exhaustible,
            table,
            sampler=lambda seed: make_sampler(sampler, exhaustible, seed, initial=8),  # noqa: B023
            trials=10_000,
            initial=8,
            batch=16,
        )
        assert summary.exhausted
        assert set(table.calls) == everything
        assert summary.evaluated == len(everything) == len(table.calls)


def test_trials_of_others_are_known_and_counted(
    space: SearchSpace, evaluator: Callable, predictor: Callable, logloss: tuple[Objective, ...]
) -> None:
    storage, table = in_memory(), evaluator()
    study = open_study(storage, "a", space, logloss)
    genotypes = space.sample(6, np.random.default_rng(0))
    for genotype in genotypes:
        study.add_trial(
            optuna.create_trial(
                params=space.to_params(genotype),
                distributions=dict(space.distributions()),
                value=table.logloss(space.decode(genotype)),
            )
        )
    search(storage, "a", "mh", space, table, predictor, 26)
    assert len(study.trials) == 26
    assert len(table.calls) == 20
    assert not {space.decode(g).key for g in genotypes} & set(table.calls)


@pytest.mark.parametrize("field", ["trials", "initial", "batch", "seed"])
def test_settings_out_of_range_are_named(
    field: str, space: SearchSpace, evaluator: Callable, logloss: tuple[Objective, ...]
) -> None:
    study = open_study(in_memory(), "a", space, logloss)
    settings: dict[str, Any] = {"trials": 3, "initial": 2, "batch": 2, "seed": 0} | {field: -1}
    with pytest.raises(SearchError, match=f"{field} is -1"):
        run_search(
            study,
            space,
            evaluator(),
            sampler=lambda seed: make_sampler("random", space, seed),
            **settings,
        )


def test_attributes_are_plain_json(
    space: SearchSpace, evaluator: Callable, predictor: Callable
) -> None:
    study = search(in_memory(), "a", "mh", space, evaluator(), predictor, 14)
    for trial in study.trials:
        assert json.loads(json.dumps(trial.user_attrs, allow_nan=False)) == trial.user_attrs


@pytest.mark.parametrize("design", ["farthest", "medoids"])
def test_a_designed_first_round_is_another_and_goes_on_after_an_interruption(
    design: Design, space: SearchSpace, evaluator: Callable, logloss: tuple[Objective, ...]
) -> None:
    def run(table: Evaluator, *parts: int, chosen: Design = design) -> optuna.Study:
        study = open_study(in_memory(), "a", space, logloss)
        for trials in parts:
            run_search(
                study,
                space,
                table,
                sampler=lambda seed: make_sampler("random", space, seed),
                trials=trials,
                initial=12,
                design=chosen,
            )
        return study

    whole = run(evaluator(), 16)
    assert story(run(evaluator(), 5, 16)) == story(whole)
    assert len({trial.user_attrs["key"] for trial in whole.trials}) == 16
    drawn = run(evaluator(), 12, chosen="random")
    assert story(whole)[:12] != story(drawn)
    with pytest.raises(SearchError, match="unknown design 'medoid'; did you mean 'medoids'"):
        run(evaluator(), 1, chosen="medoid")  # type: ignore[arg-type]


def test_a_search_begins_with_what_it_is_given(
    tmp_path: Path, space: SearchSpace, evaluator: Callable, predictor: Callable
) -> None:
    given = space.sample(4, np.random.default_rng(5))
    first = np.vstack([given, given[:1]])
    keys = [space.decode(genotype).key for genotype in given]

    def run(file: str, trials: int, first: np.ndarray | None) -> list[str]:
        study = open_study(tmp_path / file, "a", space, (Objective("logloss", "minimize"),))
        run_search(
            study,
            space,
            evaluator(),
            sampler=lambda seed: make_sampler("evolution", space, seed, initial=3),
            trials=trials,
            initial=3,
            batch=2,
            first=first,
        )
        return [str(trial.user_attrs["key"]) for trial in study.trials]

    # One that is given twice is evaluated once, and the random ones are those of any search.
    without = run("without.db", 3, None)
    assert run("with.db", 9, first)[:7] == keys + without
    # In pieces as in one go.
    run("pieces.db", 2, first)
    assert run("pieces.db", 9, first) == run("with.db", 9, first)


def test_the_first_round_keeps_to_the_budgets(
    tmp_path: Path, space: SearchSpace, evaluator: Callable, costs: Callable
) -> None:
    def sums(budgets: list[CostLimit]) -> list[float]:
        study = open_study(
            tmp_path / f"{len(budgets)}.db", "a", space, (Objective("logloss", "minimize"),)
        )
        run_search(
            study,
            space,
            evaluator(),
            sampler=lambda seed: make_sampler("random", space, seed),
            trials=8,
            initial=8,
            costs=costs,
            limits=budgets,
        )
        return [trial.user_attrs["costs.flops"] for trial in study.trials]

    free = sums([])
    budget = float(np.median(free))
    assert max(free) > budget
    assert max(sums([CostLimit("flops", budget)])) <= budget


def test_what_a_search_begins_with_must_be_of_its_space(
    tmp_path: Path, space: SearchSpace, evaluator: Callable
) -> None:
    study = open_study(tmp_path / "s.db", "a", space, (Objective("logloss", "minimize"),))
    with pytest.raises(SpaceError, match=r"expects \[batch, "):
        run_search(
            study,
            space,
            evaluator(),
            sampler=lambda seed: make_sampler("random", space, seed),
            trials=3,
            first=np.zeros((2, 3), np.int16),
        )


@pytest.mark.parametrize("sampler", ["mh", "evolution"])
def test_asked_for_several_at_once_the_trials_are_the_same(
    tmp_path: Path, space: SearchSpace, evaluator: Callable, predictor: Callable, sampler: str
) -> None:
    def run(file: str, at_once: int, trials: int, table: object) -> optuna.Study:
        study = open_study(tmp_path / file, "a", space, (Objective("logloss", "minimize"),))
        settings = MetropolisHastingsSettings(initial=8, warm_up=64, chains=16, steps=4)
        run_search(
            study,
            space,
            table,  # type: ignore[arg-type]
            sampler=lambda seed: (
                MetropolisHastingsSampler(space, predictor=predictor, settings=settings, seed=seed)
                if sampler == "mh"
                else make_sampler(sampler, space, seed, initial=8)
            ),
            trials=trials,
            initial=10,
            batch=6,
            at_once=at_once,
        )
        return study

    # Some fail, which must not cost the others of their group.
    alone = run("one.db", 1, 25, evaluator(fail=[3, 9]))
    asked: list[int] = []

    class Counting:
        fidelity = "table"

        def __init__(self) -> None:
            self.table = evaluator(fail=[3, 9])

        def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
            asked.append(len(architectures))
            if sum(asked) > 13 and len(asked) < 5:
                raise KeyboardInterrupt
            return list(self.table.evaluate(architectures))

    counting = Counting()
    with pytest.raises(KeyboardInterrupt):
        run("four.db", 4, 25, counting)
    assert asked == [4, 4, 2, 4]
    together = run("four.db", 4, 25, counting)
    # What was interrupted is taken up as a group; no more are evaluated than were asked for.
    assert asked[4] == 4
    assert sum(asked) == 25 + 4
    assert story(together) == story(alone)


class SideBySide:
    """Evaluates as four workers would whose last one is always the first to finish."""

    fidelity = "table"

    def __init__(self, table: Evaluator, interrupted_after: float = math.inf) -> None:
        self._table, self._left = table, interrupted_after
        self.asked: list[int] = []

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        raise AssertionError("a search asks for a stream where it can have one")

    def stream(
        self, architectures: Sequence[Architecture], until: float = math.inf
    ) -> Iterator[tuple[int, Evaluation]]:
        self.asked.append(len(architectures))
        for first in range(0, len(architectures), 4):
            if time.time() >= until:
                return
            for place in reversed(range(first, min(first + 4, len(architectures)))):
                if not self._left:
                    raise KeyboardInterrupt
                self._left -= 1
                yield place, self._table.evaluate([architectures[place]])[0]


def searched_side_by_side(
    storage: BaseStorage,
    space: SearchSpace,
    evaluator: Evaluator,
    *,
    trials: int = 26,
    at_once: int = 8,
    timeout: float | None = None,
    told: Callable[[int], None] | None = None,
) -> optuna.Study:
    study = open_study(storage, "a", space, (Objective("logloss", "minimize"),))
    run_search(
        study,
        space,
        evaluator,
        # It ages its population: a record in another order would breed other children.
        sampler=lambda seed: make_sampler("evolution", space, seed, initial=8),
        trials=trials,
        initial=10,
        batch=8,
        at_once=at_once,
        timeout=timeout,
        progress=lambda stage, done, total: told(done) if told else None,
    )
    return study


def as_proposed(study: optuna.Study) -> list[tuple[object, ...]]:
    """Its story, in the order of proposals."""
    return sorted(story(study), key=lambda trial: (trial[3]["round"], trial[3]["position"]))  # type: ignore[index]


def test_whatever_ends_first_the_trials_are_the_same_and_each_is_told_of(
    space: SearchSpace, evaluator: Callable
) -> None:
    told: list[int] = []
    alone = searched_side_by_side(in_memory(), space, evaluator(fail=[3]), at_once=1)
    streamed = searched_side_by_side(
        in_memory(), space, SideBySide(evaluator(fail=[3])), told=told.append
    )
    assert story(streamed) == story(alone)
    assert told == list(range(27))


@pytest.mark.parametrize("finished", [7, 13])
def test_an_interruption_loses_no_candidate_that_was_finished(
    finished: int, space: SearchSpace, evaluator: Callable
) -> None:
    storage = in_memory()
    with pytest.raises(KeyboardInterrupt):
        searched_side_by_side(storage, space, SideBySide(evaluator(), finished))
    study = optuna.load_study(study_name="a", storage=storage)
    states = [trial.state for trial in study.trials]
    assert states.count(TrialState.COMPLETE) == finished
    assert TrialState.RUNNING not in states
    table = evaluator()
    resumed = searched_side_by_side(storage, space, SideBySide(table))
    assert len(table.calls) == 26 - finished
    whole = searched_side_by_side(in_memory(), space, evaluator(), at_once=1)
    assert as_proposed(resumed) == story(whole)


def test_what_is_queued_when_time_is_up_is_evaluated_by_the_next_call(
    monkeypatch: pytest.MonkeyPatch, space: SearchSpace, evaluator: Callable
) -> None:
    now = 0.0
    for clock in ("time", "perf_counter"):
        monkeypatch.setattr(f"dagsmith.search.loop.time.{clock}", lambda: now)

    def two_seconds(call: int) -> None:
        nonlocal now
        now += 2

    storage = in_memory()
    first = SideBySide(evaluator(after=two_seconds))
    study = searched_side_by_side(storage, space, first, timeout=5)
    # The first four end after eight seconds, and the next four do not begin.
    assert len(story(study)) == 4
    assert [t.user_attrs["interrupted"] for t in study.trials[4:]] == [
        "time was up before it began"
    ] * 4
    resumed = searched_side_by_side(storage, space, SideBySide(evaluator()))
    whole = searched_side_by_side(in_memory(), space, evaluator(), at_once=1)
    assert story(resumed) == story(whole)
    # Without any time, what is made in any case is one.
    none = SideBySide(evaluator(after=two_seconds))
    assert len(story(searched_side_by_side(in_memory(), space, none, timeout=0))) == 1
    assert none.asked == [1]


def test_a_stream_that_leaves_something_out_is_an_error(
    space: SearchSpace, evaluator: Callable
) -> None:
    class Forgetful(SideBySide):
        def stream(
            self, architectures: Sequence[Architecture], until: float = math.inf
        ) -> Iterator[tuple[int, Evaluation]]:
            return super().stream(architectures[:-1], until)

    with pytest.raises(SearchError, match="the evaluator gave 7 evaluations; expected 8"):
        searched_side_by_side(in_memory(), space, Forgetful(evaluator()))
    # With a limit of time, too, when it evaluates nothing at all.
    with pytest.raises(SearchError, match="the evaluator gave 0 evaluations; expected 1"):
        searched_side_by_side(in_memory(), space, Forgetful(evaluator()), at_once=1, timeout=9e9)
