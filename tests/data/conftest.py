import numpy as np
import polars as pl
import pytest


@pytest.fixture(scope="session")
def click_log() -> pl.DataFrame:
    """A table with something of everything; deterministic, 1,000 rows."""
    rng = np.random.default_rng(0)
    count = 1000
    user = rng.zipf(1.5, count) % 97
    genres = [
        "|".join(rng.choice(["a", "b", "cc", "dé"], size, replace=False).tolist())
        for size in rng.integers(0, 4, count)
    ]
    price = pl.Series(np.round(rng.lognormal(2, 1, count), 3)).set(
        pl.Series(rng.random(count) < 0.1), None
    )
    city = pl.Series([f"city, {value}" for value in rng.integers(0, 30, count)]).set(
        pl.Series(rng.random(count) < 0.1), None
    )
    return pl.DataFrame(
        {
            "click": (rng.random(count) < 0.3).astype(np.int8),
            "price": price,
            "user_id": user.astype(np.int64),
            "city": city,
            "genres": pl.Series(genres).replace({"": None}),
            "day": np.sort(rng.integers(1, 6, count)),
        }
    )
