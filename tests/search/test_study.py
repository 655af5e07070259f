from pathlib import Path

import optuna
import pytest

from dagsmith.search import Objective, StudyError, open_study, parse_objectives, study_objectives
from dagsmith.search.study import keep_scoring, slots_digest
from dagsmith.space import SearchSpace, nasrec_small

DATA = {"data": "fingerprint-a"}


def test_a_study_is_made_once_and_found_again(
    tmp_path: Path, space: SearchSpace, logloss_flops: tuple[Objective, ...]
) -> None:
    file = tmp_path / "s.db"
    made = open_study(file, "a", space, logloss_flops, context=DATA)
    made.set_user_attr("mark", 1)
    found = open_study(file, "a", space, logloss_flops, context=DATA)
    assert found.user_attrs["mark"] == 1
    assert found.metric_names == ["logloss", "flops"]
    assert study_objectives(found) == logloss_flops


def test_another_purpose_is_refused_with_both_named(
    tmp_path: Path, space: SearchSpace, logloss: tuple[Objective, ...]
) -> None:
    file = tmp_path / "s.db"
    open_study(file, "a", space, logloss, context=DATA)
    with pytest.raises(StudyError, match="made with data 'fingerprint-a', not 'fingerprint-b'"):
        open_study(file, "a", space, logloss, context={"data": "fingerprint-b"})
    with pytest.raises(StudyError, match=r"made with objectives .*logloss.*not .*auc"):
        open_study(file, "a", space, parse_objectives("auc"), context=DATA)
    with pytest.raises(StudyError, match="made with slots"):
        open_study(file, "a", nasrec_small(4, 5, blocks=2), logloss, context=DATA)
    with pytest.raises(StudyError, match="made with recipe 'nothing recorded', not 'bars'"):
        open_study(file, "a", space, logloss, context=DATA | {"recipe": "bars"})
    open_study(file, "b", nasrec_small(4, 5, blocks=2), logloss, context=DATA)


def test_scores_of_one_study_are_made_one_way(
    tmp_path: Path, space: SearchSpace, logloss: tuple[Objective, ...]
) -> None:
    study = open_study(tmp_path / "s.db", "a", space, logloss)
    keep_scoring(study, {"seed": 0, "epochs": 4})
    keep_scoring(study, {"seed": 0, "epochs": 4, "came later": 1})
    with pytest.raises(StudyError, match="'a' was made with epochs 4, not 2"):
        keep_scoring(study, {"seed": 0, "epochs": 2})
    # Earlier versions recorded nothing.
    older = open_study(tmp_path / "s.db", "b", space, logloss)
    older.add_trial(optuna.create_trial(value=1.0))
    keep_scoring(older, {"seed": 0})
    keep_scoring(older, {"seed": 1})


def test_slots_that_decode_to_other_architectures_are_another_space() -> None:
    assert slots_digest(nasrec_small(4, 5)) == slots_digest(nasrec_small(4, 5))
    # The slots are the same; the inputs are not.
    assert slots_digest(nasrec_small(4, 5)) != slots_digest(nasrec_small(4, 6))


def test_a_foreign_study_is_taken_only_while_empty(
    tmp_path: Path, space: SearchSpace, logloss: tuple[Objective, ...]
) -> None:
    url = f"sqlite:///{tmp_path / 's.db'}"
    optuna.create_study(storage=url, study_name="empty")
    assert open_study(url, "empty", space, logloss).metric_names == ["logloss"]
    used = optuna.create_study(storage=url, study_name="used")
    used.add_trial(optuna.create_trial(value=1.0))
    with pytest.raises(StudyError, match="'used' has trials that dagsmith did not make"):
        open_study(url, "used", space, logloss)
    optuna.create_study(storage=url, study_name="up", direction="maximize")
    with pytest.raises(StudyError, match="'up' was made with objectives"):
        open_study(url, "up", space, logloss)


def test_context_may_not_hide_what_is_always_recorded(
    tmp_path: Path, space: SearchSpace, logloss: tuple[Objective, ...]
) -> None:
    with pytest.raises(StudyError, match="'space'"):
        open_study(tmp_path / "s.db", "a", space, logloss, context={"space": "mine"})


def test_objectives_of_a_plain_study_follow_its_metric_names() -> None:
    plain = optuna.create_study(directions=["minimize", "maximize"])
    assert [o.name for o in study_objectives(plain)] == ["value0", "value1"]
    assert [o.direction for o in study_objectives(plain)] == ["minimize", "maximize"]
    assert study_objectives(optuna.create_study()) == (Objective("value", "minimize"),)


def test_opening_prints_nothing(
    capsys: pytest.CaptureFixture[str], space: SearchSpace, logloss: tuple[Objective, ...]
) -> None:
    optuna.logging.set_verbosity(optuna.logging.INFO)
    open_study(optuna.storages.InMemoryStorage(), "a", space, logloss)
    captured = capsys.readouterr()
    assert not captured.out + captured.err
