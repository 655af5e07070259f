import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagsmith.search.temperature import SCHEDULES, Schedule, accepted, temperature


@given(st.floats(0.01, 10), st.integers(1, 1000), st.sampled_from(SCHEDULES))
def test_no_schedule_ever_rises(initial: float, steps: int, schedule: Schedule) -> None:
    temperatures = [temperature(schedule, initial, step, steps) for step in range(1, steps + 1)]
    assert temperatures == sorted(temperatures, reverse=True)
    assert min(temperatures) >= 0


@given(st.floats(0.01, 10), st.integers(2, 1000))
def test_the_ends_of_the_schedules(initial: float, steps: int) -> None:
    last = {name: temperature(name, initial, steps, steps) for name in SCHEDULES}
    assert last["cosine"] == pytest.approx(0.0, abs=1e-12)
    assert last["linear"] == 0.0
    assert last["exponential"] == pytest.approx(initial / 1000)
    assert last["constant"] == initial
    assert initial <= temperature("cosine", initial, 1, steps) <= 2 * initial


def test_acceptance_has_the_metropolis_probability() -> None:
    rng = np.random.default_rng(0)
    gain, heat, draws = -0.3, 0.25, 40_000
    share = accepted(np.full(draws, gain), heat, rng).mean()
    expected = math.exp(gain / heat)
    assert abs(share - expected) < 5 * math.sqrt(expected * (1 - expected) / draws)


@given(st.floats(-1e9, 1e9, allow_nan=False), st.sampled_from([0.0, 1e-300, 1e-17]))
def test_without_temperature_only_what_is_no_worse_is_accepted(gain: float, heat: float) -> None:
    if -1e-12 < gain < 0 and heat > 0:
        return
    taken = accepted(np.full(8, gain), heat, np.random.default_rng(0))
    assert (taken == (gain >= 0)).all()
