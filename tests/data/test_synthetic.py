from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dagsmith.data import ClickLaw, DatasetError, prepare_synthetic, synthetic_click_log
from dagsmith.data import synthetic as module

SMALL = ClickLaw(cardinalities=(4, 5, 6, 7, 8, 9), dense=2, seed=1)


def test_a_shorter_log_begins_a_longer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK_ROWS", 100)
    short = [frame for frame, _ in synthetic_click_log(250, law=SMALL)]
    long = [frame for frame, _ in synthetic_click_log(400, law=SMALL)]
    assert [len(frame) for frame in short] == [100, 100, 50]
    assert short[1].equals(long[1])
    assert short[2].equals(long[2].head(50))
    assert not short[0].equals(long[1])


def test_labels_follow_the_known_probabilities() -> None:
    law = ClickLaw(seed=2)
    frame, p = law.rows(0, module.CHUNK_ROWS)
    y = frame["label"].to_numpy()
    assert abs(y.mean() - law.click_rate) < 0.03
    # Calibrated in every tenth of the probabilities.
    for part in np.array_split(np.argsort(p), 10):
        spread = np.sqrt((p[part] * (1 - p[part])).sum()) / len(part)
        assert abs(y[part].mean() - p[part].mean()) < 5 * spread
    assert frame["c9"].value_counts(sort=True)["count"][0] > 0.05 * len(frame)


def test_the_interactions_are_worth_more_than_the_linear_part() -> None:
    law = ClickLaw()
    ids, z = law._draw(np.random.default_rng(0), 20_000)
    means, scales, _ = law._scales
    terms = [s * (t - m) for s, t, m in zip(scales, law._terms(ids, z), means, strict=True)]
    sizes = [float(term.std()) for term in terms]
    wanted = [law.linear, law.second / 2**0.5, law.second / 2**0.5, law.third]
    np.testing.assert_allclose(sizes, wanted, rtol=0.05)


def test_the_bayes_limit_is_stored(tmp_path: Path) -> None:
    dataset = prepare_synthetic(tmp_path / "out", rows=20_000, law=SMALL)
    probabilities = np.concatenate([p for _, p in synthetic_click_log(20_000, law=SMALL)])[-3000:]
    entropy = -(
        probabilities * np.log(probabilities) + (1 - probabilities) * np.log(1 - probabilities)
    ).mean()
    y = dataset.test.label
    loss = -np.log(np.where(y == 1, probabilities, 1 - probabilities)).mean()
    assert dataset.metadata["bayes_logloss"] == pytest.approx(entropy)
    assert dataset.metadata["bayes_logloss_realised"] == pytest.approx(loss)
    assert abs(loss - entropy) < 0.03
    rate = float(y.mean())
    assert entropy < -(rate * np.log(rate) + (1 - rate) * np.log(1 - rate)) - 0.05
    assert [len(split) for split in dataset.splits.values()] == [14_000, 3000, 3000]
    assert prepare_synthetic(tmp_path / "out", rows=20_000, law=SMALL).path == dataset.path
    with pytest.raises(DatasetError, match="other arguments"):
        prepare_synthetic(tmp_path / "out", rows=20_001, law=SMALL)


def test_a_seed_is_another_log(tmp_path: Path) -> None:
    first = prepare_synthetic(tmp_path / "a", rows=2000, seed=1)
    second = prepare_synthetic(tmp_path / "b", rows=2000, seed=2)
    assert first.fingerprint != second.fingerprint


def test_impossible_laws_are_refused(tmp_path: Path) -> None:
    wrong: list[dict[str, Any]] = [{"cardinalities": (3, 3)}, {"dense": 0}, {"click_rate": 1}]
    for options in wrong:
        with pytest.raises(DatasetError):
            ClickLaw(**options)
    with pytest.raises(DatasetError, match="3 rows cannot be split"):
        prepare_synthetic(tmp_path / "out", rows=3)
