"""Learning-rate schedules."""

import math


def warm_cosine(step: int, steps: int, warmup: float = 0.1) -> float:
    """Share of the peak rate at `step`: linear over the first `warmup` part, then cosine to 0."""
    rise = max(1, round(steps * warmup))
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1.0 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))
