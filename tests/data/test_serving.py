from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dagsmith.data import DatasetError, EncodedReader, Encoders, encode_file, prepare, text


def test_a_new_file_is_encoded_like_the_old_one(
    click_log: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = prepare(click_log, tmp_path / "out")
    dataset.encoders.save(tmp_path / "model")
    encoders = Encoders.load(tmp_path / "model")
    monkeypatch.setattr(text, "CHUNK_BYTES", 2000)
    click_log.write_csv(tmp_path / "new.csv")
    click_log.write_parquet(tmp_path / "new.parquet")
    expected = dataset.encoders.encode(click_log)
    for name in ("new.csv", "new.parquet"):
        encoded = encode_file(encoders, tmp_path / name)
        np.testing.assert_array_equal(encoded.sparse, expected.sparse)
        np.testing.assert_array_equal(encoded.dense, expected.dense)
        np.testing.assert_array_equal(encoded.label, expected.label)
        assert encoded.labelled
        assert encoded.skipped == 0
        assert sum(len(batch) for batch in encoded.batches(64)) == len(click_log)
    assert len(list(EncodedReader(dataset, tmp_path / "new.csv"))) > 5


def test_unknown_categories_are_counted(click_log: pl.DataFrame, tmp_path: Path) -> None:
    dataset = prepare(click_log, tmp_path / "out")
    new = click_log.head(10).with_columns(city=pl.lit("Atlantis")).drop("click")
    new.write_parquet(tmp_path / "new.parquet")
    encoded = encode_file(dataset, tmp_path / "new.parquet")
    assert encoded.unknown["city"] == 10
    assert not encoded.labelled
    assert np.isnan(encoded.label).all()


def test_bad_rows_are_named_or_left_out(click_log: pl.DataFrame, tmp_path: Path) -> None:
    dataset = prepare(click_log, tmp_path / "out")
    path = tmp_path / "new.csv"
    lines = click_log.head(5).write_csv().splitlines()
    lines[3] = "2" + lines[3][1:]
    path.write_text("\n".join([*lines, "1,2"]) + "\n")
    with pytest.raises(DatasetError, match=r"new.csv, line 7: 2 columns where 6 are expected"):
        encode_file(dataset, path)
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(DatasetError, match=r"new.csv, line 4: label 'click' is '2'"):
        encode_file(dataset, path)
    path.write_text("\n".join([*lines, "1,2"]) + "\n")
    encoded = encode_file(dataset, path, on_error="skip")
    assert (len(encoded), encoded.skipped) == (4, 2)


def test_a_missing_column_is_named_before_anything_is_read(
    click_log: pl.DataFrame, tmp_path: Path
) -> None:
    dataset = prepare(click_log, tmp_path / "out")
    click_log.drop("city").write_csv(tmp_path / "new.csv")
    with pytest.raises(DatasetError, match=r"new.csv: there is no column 'city'"):
        EncodedReader(dataset, tmp_path / "new.csv")
    click_log.clear().write_csv(tmp_path / "empty.csv")
    with pytest.raises(DatasetError, match="the file has no rows"):
        encode_file(dataset, tmp_path / "empty.csv")
