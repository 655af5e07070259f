"""How many operators the hardware model costs per second.

    python benchmarks/pim_speed.py --architectures 20000

Two figures: linear maps alone, as arrays (what the formulas cost), and whole architectures of
nasrec-pim from genotypes to all costs (decoding, the list of maps, the formulas, the longest path).
An operator is one linear map or one set of products of activations. Seconds are processor time of
one core: nothing here runs in threads.
"""

import argparse
import json
import time
from collections.abc import Callable

import numpy as np

from dagsmith.hardware import workload
from dagsmith.hardware.pim import Maps, default_technology, pim_costs
from dagsmith.hardware.pim.map_costs import map_cost
from dagsmith.space import nasrec_pim


def fastest(work: Callable[[], object], repeats: int) -> float:
    """Least processor seconds of some repetitions, whoever else is at work on the machine."""
    seconds = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return min(seconds)


def random_maps(count: int, rng: np.random.Generator) -> Maps:
    """Linear maps of the sizes and knobs of nasrec-pim."""

    def draw(*choices: int) -> np.ndarray:
        return rng.choice(np.array(choices, float), count)

    return Maps(
        inputs=rng.integers(8, 1500, count).astype(float),
        outputs=draw(16, 32, 64, 128, 256, 512, 768, 1024),
        uses=draw(1, 16, 48),
        weight_bits=draw(4, 8),
        activation_bits=draw(4, 8),
        replication=draw(1, 2, 4, 8),
        size=draw(64, 128, 256),
        cell_bits=draw(1, 2, 4),
        dac_bits=draw(1, 2),
        adc_bits=draw(4, 5, 6, 7, 8, 9, 10),
        adcs=draw(1, 2, 4, 8),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--maps", type=int, default=1_000_000)
    parser.add_argument("--chunk", type=int, default=16384, help="maps per call")
    parser.add_argument("--architectures", type=int, default=4096)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    rng, technology = np.random.default_rng(0), default_technology()
    maps = random_maps(arguments.chunk, rng)
    calls = -(-arguments.maps // arguments.chunk)
    seconds = fastest(lambda: [map_cost(maps, technology) for _ in range(calls)], arguments.repeats)
    space = nasrec_pim(13, 26)
    genotypes = space.sample(arguments.architectures, rng)
    population = space.decode_many(genotypes)
    work = workload(population)
    operators = int((work.outputs > 0).sum() + (work.products > 0).sum())
    decoding = fastest(lambda: space.decode_many(genotypes), arguments.repeats)
    # A slice is a new population, which knows nothing of the last call.
    costing = fastest(lambda: pim_costs(population[slice(None)]), arguments.repeats)
    print(
        json.dumps(
            {
                "maps_per_second": round(calls * arguments.chunk / seconds),
                "operators_per_architecture": round(operators / len(population), 1),
                "operators_per_second": round(operators / costing),
                "architectures_per_second": round(len(population) / costing),
                "decoded_per_second": round(len(population) / decoding),
            }
        )
    )


if __name__ == "__main__":
    main()
