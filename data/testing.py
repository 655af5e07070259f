"""The conformance suite of evaluators: run it on your own in one test."""

import math
from collections.abc import Sequence

from dagsmith.data.evaluations import Evaluator, StreamingEvaluator
from dagsmith.space import Architecture


def check_evaluator(evaluator: Evaluator, architectures: Sequence[Architecture]) -> None:
    """Hold an evaluator to what `Evaluator` promises, and to `StreamingEvaluator` if it is one.

    Args:
        evaluator: ready to evaluate.
        architectures: at least one that it can evaluate; ones that it cannot are welcome.

    Raises:
        AssertionError: the promise that is not kept.
    """
    assert isinstance(evaluator, Evaluator), "it lacks fidelity or evaluate"
    assert evaluator.fidelity, "fidelity is empty; a study could not tell its evaluations apart"
    assert len(evaluator.evaluate([])) == 0, "no architectures do not get no evaluations"
    evaluations = evaluator.evaluate(architectures)
    assert len(evaluations) == len(architectures), "not one evaluation per architecture"
    for architecture, found in zip(architectures, evaluations, strict=True):
        name = architecture.key[:12]
        assert found.architecture.key == architecture.key, "evaluations are not in order"
        assert found.fidelity == evaluator.fidelity, f"{name}: another fidelity"
        assert found.seconds >= 0, f"{name}: it took {found.seconds} seconds"
        assert bool(found.metrics) != bool(found.failure), (
            f"{name}: expected either metrics or a failure"
        )
        for kind, values in (("metric", found.metrics), ("cost", found.costs)):
            for key, value in values.items():
                assert math.isfinite(value), f"{name}: {kind} {key!r} is {value}, not a failure"
    assert any(found.metrics for found in evaluations), "nothing could be evaluated"
    if isinstance(evaluator, StreamingEvaluator):
        assert not list(evaluator.stream(architectures, 0.0)), "it begins when its time is up"
        places = dict(evaluator.stream(architectures))
        assert sorted(places) == list(range(len(architectures))), "not one place per architecture"
        for place, found in places.items():
            same = found.architecture.key == architectures[place].key
            assert same, f"the evaluation at {place} is of another architecture"
