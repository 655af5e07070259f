import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dagsmith.champion_start import ChampionStart, check_champion_store
from dagsmith.errors import StoreBusyError, StoreError
from dagsmith.predictor import GNNPredictor, GNNSettings, TrainingSettings
from dagsmith.predictor_store import FORMAT, PredictorStore
from dagsmith.space import NASBench201Space, nasrec_small

QUICK = GNNSettings(members=2, dim=4, rounds=1, training=TrainingSettings(epochs=1))
SPACE = NASBench201Space()


@pytest.fixture(scope="module")
def predictor() -> GNNPredictor:
    population = SPACE.decode_many(SPACE.sample(12, np.random.default_rng(0)))
    return GNNPredictor(SPACE.kinds, QUICK, unknown="mean").fit(population, np.arange(12.0))


@pytest.fixture
def store(tmp_path: Path, predictor: GNNPredictor) -> PredictorStore:
    """Three versions; 1 and 3 were promoted."""
    store = PredictorStore(tmp_path / "store")
    with store.lock():
        store.dedicate({"objective": "accuracy", "direction": "maximize"})
        for number in (1, 2, 3):
            version = store.add(predictor, {"reason": f"the {number}."})
            assert version.number == number
            if number != 2:
                store.promote(version)
    return store


def champion_of(store: PredictorStore) -> int | None:
    found = PredictorStore(store.path).champion()
    return found.number if found else None


def test_a_new_store_is_empty_and_reading_it_makes_no_folder(tmp_path: Path) -> None:
    store = PredictorStore(tmp_path / "new")
    assert store.purpose is None
    assert store.versions() == []
    assert store.champion() is None
    assert not store.path.exists()
    with pytest.raises(StoreError, match="no champion before"):
        store.rollback()


def test_a_version_is_read_as_it_was_written(
    store: PredictorStore, predictor: GNNPredictor
) -> None:
    population = SPACE.decode_many(SPACE.sample(20, np.random.default_rng(1)))
    versions = PredictorStore(store.path).versions()
    assert [version.provenance["reason"] for version in versions] == ["the 1.", "the 2.", "the 3."]
    for version in versions:
        assert np.array_equal(
            version.load().predict(population).mean, predictor.predict(population).mean
        )


def test_going_back_goes_back_and_not_forth_again(
    store: PredictorStore, predictor: GNNPredictor
) -> None:
    assert champion_of(store) == 3
    assert store.rollback().number == champion_of(store) == 1
    with pytest.raises(StoreError, match="no champion before"):
        store.rollback()
    assert store.rollback(to=2).number == champion_of(store) == 2
    assert store.rollback().number == champion_of(store) == 1
    with store.lock():
        store.promote(store.add(predictor, {}))
    assert champion_of(store) == 4
    assert store.rollback().number == 1
    assert [p.why for p in store.promotions()].count("rollback") == 4
    with pytest.raises(StoreError, match="has no version 9; it has 1, 2, 3, 4"):
        store.rollback(to=9)


def test_damaged_and_foreign_versions_are_skipped_and_named(store: PredictorStore) -> None:
    folder = store.path / "versions"
    (folder / "000002" / "provenance.json").write_text("{ torn")
    (folder / "of-somebody-else").mkdir()
    (folder / "000007").mkdir()
    (folder / "000007" / "provenance.json").write_text('{"format": "another/1"}')
    told: list[str] = []
    assert [version.number for version in store.versions(told.append)] == [1, 3]
    assert len(told) == 3
    assert any("000002/provenance.json: damaged" in line for line in told)
    assert any("of-somebody-else: no version" in line for line in told)
    assert any("not of format" in line for line in told)
    assert champion_of(store) == 3


def test_the_number_of_a_damaged_version_is_not_given_again(
    store: PredictorStore, predictor: GNNPredictor
) -> None:
    (store.path / "versions" / "000003" / "provenance.json").unlink()
    with store.lock():
        assert store.add(predictor, {}).number == 4


@pytest.mark.parametrize("harm", ["bytes", "missing", "another"])
def test_a_damaged_champion_gives_way_to_the_one_before_it(
    store: PredictorStore, harm: str
) -> None:
    weights = store.path / "versions" / "000003" / "predictor.safetensors"
    if harm == "bytes":
        content = bytearray(weights.read_bytes())
        content[-3] ^= 1
        weights.write_bytes(content)
    elif harm == "missing":
        weights.unlink()
    else:
        weights.write_text("not a predictor")
    told: list[str] = []
    champion = store.champion(told.append)
    assert champion is not None
    assert champion.number == 1
    assert len(told) == 1
    assert "000003/predictor.safetensors" in told[0]


def test_a_store_is_for_one_purpose(store: PredictorStore) -> None:
    store.dedicate({"objective": "accuracy"})
    with pytest.raises(StoreError, match="made with objective 'accuracy', not 'logloss'"):
        store.dedicate({"objective": "logloss"})


def test_a_context_is_compared_by_name_and_given_to_a_store_without_one(
    store: PredictorStore,
) -> None:
    day = {"objective": "accuracy", "context": {"data": "1"}}
    store.check(day)
    assert "context" not in (store.purpose or {})
    store.dedicate(day)
    assert store.purpose == {"objective": "accuracy", "direction": "maximize", **day}
    store.dedicate({"objective": "accuracy"})
    for context, message in (
        ({"data": "2"}, "made with data '1', not '2'"),
        ({}, "made with data '1', not 'nothing recorded'"),
        ({"data": "1", "evaluator": "e"}, "made with evaluator 'nothing recorded', not 'e'"),
    ):
        with pytest.raises(StoreError, match=message):
            store.check({"context": context})
    (store.path / "store.json").write_text(json.dumps({"format": FORMAT, "context": 3}))
    with pytest.raises(StoreError, match=r"store\.json: damaged \(expected an object as context"):
        store.check(day)


def test_one_process_holds_the_lock(store: PredictorStore) -> None:
    with store.lock():
        with pytest.raises(StoreBusyError, match="another process is at work"):
            store.rollback()
        assert champion_of(store) == 3


def test_what_is_no_store_is_refused(tmp_path: Path, store: PredictorStore) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="is a file"):
        PredictorStore(tmp_path / "file")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("")
    with pytest.raises(StoreError, match=r"not empty and holds no store\.json"):
        PredictorStore(tmp_path / "home")
    (store.path / "champion.json").write_text("[]")
    with pytest.raises(StoreError, match=r"champion\.json: damaged"):
        store.champion()
    (store.path / "store.json").write_text(json.dumps({"format": "another"}))
    with pytest.raises(StoreError, match="not of format"):
        _ = store.purpose


def test_a_search_starts_from_the_champion_and_picks_up_the_next(
    store: PredictorStore, predictor: GNNPredictor
) -> None:
    population = SPACE.decode_many(SPACE.sample(12, np.random.default_rng(0)))
    start = ChampionStart(store)
    warm = start(SPACE.kinds, 5).fit(population, np.arange(12.0))
    assert warm.seed == 5
    gentle = replace(
        QUICK, training=replace(QUICK.training, learning_rate=0.3 * QUICK.training.learning_rate)
    )
    assert warm.settings == gentle
    cold = GNNPredictor(SPACE.kinds, QUICK, 5, "mean").fit(population, np.arange(12.0))
    assert not np.array_equal(warm.predict(population).mean, cold.predict(population).mean)
    again = GNNPredictor(SPACE.kinds, gentle, 5, "mean").start_from(predictor)
    again.fit(population, np.arange(12.0))
    assert np.array_equal(warm.predict(population).mean, again.predict(population).mean)
    with store.lock():
        store.promote(store.add(predictor, {}))
    start(SPACE.kinds, 6)
    assert start.versions == [3, 4]


def test_without_a_champion_that_fits_a_search_starts_at_random(
    store: PredictorStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    nobody = ChampionStart(tmp_path / "none")
    for seed in (0, 1):
        assert isinstance(nobody(SPACE.kinds, seed), GNNPredictor)
    assert caplog.text.count("none has no champion") == 1
    other = ChampionStart(store)
    assert other(nasrec_small(4, 5).kinds, 0).kinds == nasrec_small(4, 5).kinds
    assert other.versions == nobody.versions == []
    assert "the predictor starts at random" in caplog.text


def test_a_store_that_is_not_there_is_refused_and_one_that_waits_is_not(
    store: PredictorStore, tmp_path: Path
) -> None:
    check_champion_store(None)
    check_champion_store(store.path)
    (tmp_path / "waiting").mkdir()
    check_champion_store(tmp_path / "waiting")
    with pytest.raises(StoreError, match="stroe: there is no such folder; 'dagsmith predictor ret"):
        check_champion_store(tmp_path / "stroe")
    assert not (tmp_path / "stroe").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="is a file"):
        check_champion_store(tmp_path / "file")
