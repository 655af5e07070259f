import numpy as np

from dagsmith.data import EvaluatedTable, Evaluator, TableEvaluator
from dagsmith.space import nasrec_small


def test_a_table_answers_what_it_holds() -> None:
    space = nasrec_small(3, 4, blocks=2)
    nets = [space.decode(genotype) for genotype in space.sample(4, np.random.default_rng(1))]
    table = EvaluatedTable.of(
        [*nets[:3], nets[0]],
        {"logloss": [0.4, None, 0.6, 0.9], "auc": [0.7, 0.8, None, 0.1]},
        {"flops": [1.0, 2.0, 3.0, 4.0]},
        kinds=space.kinds,
    )
    evaluator = TableEvaluator(table, fidelity="scratch")
    assert isinstance(evaluator, Evaluator)
    # Names are no part of an architecture: the nets of the table have none.
    found = evaluator.evaluate([nets[2], nets[0], nets[1], nets[3]])
    assert [evaluation.metrics for evaluation in found] == [
        {"logloss": 0.6},
        {"logloss": 0.4, "auc": 0.7},
        {"auc": 0.8},
        {},
    ]
    assert [evaluation.costs for evaluation in found] == [
        {"flops": 3.0},
        {"flops": 1.0},
        {"flops": 2.0},
        {},
    ]
    assert [evaluation.architecture for evaluation in found] == [nets[2], nets[0], nets[1], nets[3]]
    assert {evaluation.fidelity for evaluation in found} == {"scratch"}
    assert [bool(evaluation.failure) for evaluation in found] == [False, False, False, True]
    assert "not in the table" in found[3].failure
