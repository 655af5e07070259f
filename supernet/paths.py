"""Which subnet a supernet step trains: the sampling modes of weight sharing."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from dagsmith.space import Architecture, Block, ClickSpace, NASRecSpace, PIMSpace, SpaceError
from dagsmith.space.errors import nearest

Mode = Literal["single-operator", "single-path", "any-path", "full-path", "given"]
MODES: tuple[str, ...] = get_args(Mode)


class PathSampler:
    """Draws the subnet of a training step; the draw depends on the seed and the step alone.

    Modes (NASRec, arXiv 2207.07187, section 4):
    ``single-operator`` (its default, "single-operator any-connection"): one operator a side per
    block, any connections; ``single-path``: one operator and one connection; ``any-path``: any
    non-empty set of operators, any connections; ``full-path``: every operator and connection;
    ``given``: uniformly from a list of architectures. Widths are drawn in every mode, and so is the
    hardware of a joint space.

    During the first `warmup_steps` the full path is mixed in: with a probability that falls
    linearly from 1 to 0 all connections are taken, and independently, per block, all operators.

    A space without choice blocks has the first and the last mode only, and no warm-up: a draw of
    ``single-operator`` is then a random architecture of the space.

    Args:
        space: the search space.
        mode: one of `MODES`.
        warmup_steps: length of the full-path warm-up.
        seed: seed of all draws.
        given: the architectures of mode ``given``.

    Raises:
        SpaceError: an unknown mode, mode ``given`` without architectures, or a mode that needs
            choice blocks in a space that has none.
    """

    def __init__(
        self,
        space: ClickSpace,
        mode: Mode = "single-operator",
        warmup_steps: int = 0,
        seed: int = 0,
        given: Sequence[Architecture] = (),
    ) -> None:
        if mode not in MODES:
            raise SpaceError(f"unknown sampling mode {mode!r}; {nearest(mode, MODES)}")
        if mode == "given" and not given:
            raise SpaceError("sampling mode 'given' needs a list of architectures")
        # In a joint space the model's path is drawn as in its own space, then its hardware.
        self.joint = space if isinstance(space, PIMSpace) else None
        self.space = space.model if isinstance(space, PIMSpace) else space
        blockwise = isinstance(self.space, NASRecSpace)
        if not blockwise and (warmup_steps or mode not in ("single-operator", "given")):
            asked = "a warm-up by the full path" if warmup_steps else f"sampling mode {mode!r}"
            raise SpaceError(f"{asked} needs a space of choice blocks; {space.name!r} is none")
        self.mode = mode
        self.warmup_steps = warmup_steps
        self.seed = seed
        self.given = tuple(given)

    def draw(self, step: int) -> Architecture:
        """The architecture trained at `step`."""
        rng = np.random.default_rng([self.seed, step])
        if self.mode == "given":
            return self.given[int(rng.integers(len(self.given)))]
        genotype = self.space.sample(1, rng)[0]
        if not isinstance(self.space, NASRecSpace):
            return self._equipped(self.space.decode(genotype), rng)
        blocks = self.space.to_blocks(genotype)
        full = max(0.0, 1.0 - step / self.warmup_steps) if self.warmup_steps else 0.0
        connect_all = self.mode == "full-path" or rng.random() < full
        chosen = []
        for number, block in enumerate(blocks, 1):
            everything = self.mode == "full-path" or rng.random() < full
            chosen.append(self._block(self.space, number, block, everything, connect_all, rng))
        return self._equipped(self.space.assemble(chosen), rng)

    def _equipped(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """With hardware of the joint space, if there is one."""
        if self.joint is None:
            return architecture
        genes = self.joint.sample(1, rng)[0, len(self.space.slots) :]
        return self.joint.equip(architecture, genes)

    def _block(
        self,
        space: NASRecSpace,
        number: int,
        block: Block,
        every_operator: bool,
        every_connection: bool,
        rng: np.random.Generator,
    ) -> Block:
        if every_operator:
            block = replace(
                block,
                dense_ops=space.dense_operators,
                sparse_ops=space.sparse_operators,
            )
        elif self.mode == "any-path":
            block = replace(
                block,
                dense_ops=_some(space.dense_operators, rng),
                sparse_ops=_some(space.sparse_operators, rng),
            )
        if every_connection:
            everything = tuple(range(number))
            block = replace(block, dense_inputs=everything, sparse_inputs=everything)
        elif self.mode == "single-path":
            block = replace(
                block,
                dense_inputs=(int(rng.integers(number)),),
                sparse_inputs=(int(rng.integers(number)),),
            )
        return block


def _some(operators: Sequence[str], rng: np.random.Generator) -> tuple[str, ...]:
    """A uniformly drawn non-empty subset."""
    mask = int(rng.integers(1, 2 ** len(operators)))
    return tuple(name for bit, name in enumerate(operators) if mask >> bit & 1)
