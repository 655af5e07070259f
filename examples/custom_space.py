"""Define a search space of your own, look at it, and search it with a sampler of Optuna.

Run it with ``python examples/custom_space.py``; the guide is docs/search_spaces.md.
"""

import math

import numpy as np
import optuna

from dagsmith.space import (
    Architecture,
    Categorical,
    ComponentKind,
    Edge,
    Flag,
    Genotype,
    Node,
    Number,
    SearchSpace,
    Slot,
    Vocabulary,
)

KINDS = Vocabulary(
    (
        ComponentKind("image", (Number("channels", "log"),), ports=()),
        ComponentKind("conv", (Categorical("form", ("plain", "depthwise")), Number("kernel"))),
        ComponentKind("attention", (Number("heads", "log"), Flag("relative"))),
        ComponentKind("head"),
    )
)


class CellSpace(SearchSpace):
    """A cell of layers; each reads the one before and any earlier ones, which are added."""

    def __init__(self, layers: int = 4) -> None:
        self.name, self.kinds, self.layers = "cell", KINDS, layers
        slots = [Slot("channels", (16, 32, 64))]
        for at in range(1, layers + 1):
            slots.append(Slot(f"layer{at}.operator", ("plain", "depthwise", "attention", "none")))
            slots.append(Slot(f"layer{at}.kernel", (3, 5, 7)))  # read by convolutions only
            slots.append(Slot(f"layer{at}.heads", (1, 2, 4)))  # read by attention only
            slots += [Slot(f"layer{at}.reads{index}", (False, True)) for index in range(at - 1)]
        self.slots = tuple(slots)

    def decode(self, genotype: Genotype) -> Architecture:
        """Build the graph layer by layer; its last node is the output."""
        gene = self.to_params(genotype)
        nodes, edges = [Node.of("image", "image", channels=gene["channels"])], []
        output = [0]  # the node that holds the output of each layer; 0 is the image
        for at in range(1, self.layers + 1):
            name, operator = f"layer{at}", gene[f"layer{at}.operator"]
            if operator == "none":  # no layer here: whoever reads it reads the one before
                output.append(output[-1])
                continue
            if operator == "attention":
                node = Node.of("attention", name, heads=gene[f"{name}.heads"], relative=at > 2)
            else:
                node = Node.of("conv", name, form=operator, kernel=gene[f"{name}.kernel"])
            reads = [index for index in range(at - 1) if gene[f"{name}.reads{index}"]] + [at - 1]
            nodes.append(node)
            edges += [Edge(output[index], len(nodes) - 1) for index in reads]
            output.append(len(nodes) - 1)
        edges.append(Edge(output[-1], len(nodes)))
        return Architecture((*nodes, Node.of("head", "head")), tuple(edges)).live()


def toy_score(architecture: Architecture) -> float:
    """Stand in for an evaluation: large kernels see far, small nets are cheap."""
    channels = float(architecture.nodes[0]["channels"])
    reach = sum(float(n["kernel"]) - 1 for n in architecture.nodes if n.kind == "conv")
    mixing = sum(float(n["heads"]) for n in architecture.nodes if n.kind == "attention")
    return math.log1p(reach + 2 * mixing) - 0.004 * channels * len(architecture.nodes) / 4


def main() -> None:
    """Look at the space, then search it."""
    space = CellSpace()
    print(space.describe())
    rng = np.random.default_rng(0)
    genotypes = space.sample(1000, rng)
    keys = {architecture.key for architecture in map(space.decode, genotypes)}
    print(f"1000 samples mean {len(keys)} different architectures")
    mutants = space.mutate(genotypes, rng)
    print(f"a mutant: {space.decode(mutants[0]).to_json()}")

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(lambda trial: toy_score(space.suggest(trial)), n_trials=100)
    best = space.decode(space.from_params(study.best_params))
    print(f"best of 100: {study.best_value:.3f}")
    for node in best.nodes:
        print(f"  {node.name}: {node.kind} {node.values}")


if __name__ == "__main__":
    main()
