import subprocess
import sys

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from dagsmith.data.hashing import stable_hash


@given(st.lists(st.text(max_size=12), min_size=1, max_size=20))
def test_a_texts_hash_does_not_depend_on_its_neighbours(texts: list[str]) -> None:
    together = stable_hash(pl.Series(texts, dtype=pl.String))
    alone = [stable_hash(pl.Series([text], dtype=pl.String))[0] for text in texts]
    assert together.tolist() == alone


def test_the_hash_is_written_in_stone() -> None:
    # Stored ids depend on these numbers: they must not change in any version.
    expected = [0, 15565445264529232784, 5031286800062074489, 182282429805179701]
    assert stable_hash(pl.Series(["", "a", "68fd1e64", "ü€"])).tolist() == expected


def test_the_hash_is_the_same_in_another_process() -> None:
    code = (
        "import polars as pl; from dagsmith.data.hashing import stable_hash;"
        "print(stable_hash(pl.Series(['user', 'x' * 50])).tolist())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert other.decode().strip() == str(stable_hash(pl.Series(["user", "x" * 50])).tolist())


def test_hashes_spread_evenly_over_buckets_and_do_not_collide() -> None:
    texts = pl.Series([f"{value:x}" for value in range(50_000)])
    hashes = stable_hash(texts)
    assert len(np.unique(hashes)) == len(texts)
    for buckets in (64, 100):
        counts = np.bincount((hashes % np.uint64(buckets)).astype(np.int64), minlength=buckets)
        expected = len(texts) / buckets
        chi_square = float(((counts - expected) ** 2 / expected).sum())
        assert chi_square < 2 * buckets
