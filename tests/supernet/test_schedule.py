import math

import pytest

from dagsmith.supernet.schedule import warm_cosine


def test_the_rate_rises_for_a_tenth_of_the_steps_and_falls_as_a_cosine() -> None:
    rates = [warm_cosine(step, 100) for step in range(100)]
    assert rates[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert rates[10] == 1.0
    assert rates[55] == pytest.approx(0.5)
    expected = [0.5 * (1 + math.cos(math.pi * step / 90)) for step in range(90)]
    assert rates[10:] == pytest.approx(expected)


@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_short_trainings_have_rates_above_zero(steps: int) -> None:
    rates = [warm_cosine(step, steps) for step in range(steps)]
    assert all(0 < rate <= 1 for rate in rates)
    assert rates[0] == 1.0
