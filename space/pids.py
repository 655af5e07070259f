"""PIDS: point operators whose interactions and dimensions are searched together.

Source: Zhang et al., "PIDS: Joint Point Interaction-Dimension Search for 3D Point Cloud", WACV
2023, arXiv 2211.15759, and its public code.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from dagsmith.space.architecture import Architecture
from dagsmith.space.cells import INPUT, OUTPUT
from dagsmith.space.component import Categorical, ComponentKind, Flag, Number, Vocabulary
from dagsmith.space.errors import SpaceError
from dagsmith.space.population import Population
from dagsmith.space.search_space import Genotype, Genotypes, SearchSpace, Slot

KERNELS = (5, 7, 13)
"""Points of a kernel."""

KINDS = Vocabulary(
    (
        INPUT,
        ComponentKind(
            "point_stage",
            (
                Categorical("kernel", tuple(map(str, KERNELS))),
                Flag("attention"),
                Number("expansion", "log"),
                Number("channels", "log"),
                Number("repeats", "log"),
                Number("stride"),
            ),
            ("in", "skip"),
        ),
        OUTPUT,
    )
)


@dataclass(frozen=True, slots=True)
class PointStage:
    """What a stage may be: a tuple of choices for each decision.

    Args:
        expansion: factors of the inverted residual's inner width.
        repeats: numbers of blocks.
        channels: output widths.
        attention: whether blocks have second-order interaction (attention).
        kernel: numbers of kernel points.
        stride: 2 if the first block halves the points' resolution; not searched.
        reads: an earlier stage (1 is the first) whose output is appended to the up-sampled output
            of the stage before; None for a stage that reads the one before alone.
    """

    expansion: tuple[int, ...] = (2, 3, 4)
    repeats: tuple[int, ...] = (2, 3, 4)
    channels: tuple[int, ...] = (16, 24)
    attention: tuple[bool, ...] = (False, True)
    kernel: tuple[int, ...] = KERNELS
    stride: int = 1
    reads: int | None = None


_SEARCHED = tuple(
    field.name for field in fields(PointStage) if field.name not in ("stride", "reads")
)

ENCODER = (
    PointStage((1,), (1,), (16,), (False,)),
    PointStage((2, 3, 4), (2, 3), (16, 24), (False,), stride=2),
    PointStage((2, 3, 4), (2, 3, 4), (24, 32), stride=2),
    PointStage((2, 3, 4), (3, 4, 5), (24, 32, 40), stride=2),
    PointStage((2, 3, 4), (2, 3, 4), (40, 56, 72)),
    PointStage((2, 3, 4), (3, 4, 5), (64, 80, 96), stride=2),
    PointStage((2, 3, 4), (1,), (160,)),
)
"""The seven stages of a classifier; a segmentation network begins with the same."""
DECODER = (
    PointStage((2, 3), (1, 2), (64, 80, 96), reads=5),
    PointStage((2, 3), (1, 2), (40, 56, 72), reads=3),
    PointStage((2, 3), (1, 2), (24, 32, 40), reads=2),
    PointStage((2, 3), (1, 2), (16, 24), (False,), reads=1),
)
"""The four stages after the encoder that restore the resolution, for segmentation."""


class PIDSSpace(SearchSpace):
    """Stages of point operators, each reading the one before; see `pids_classification`.

    A stage decides the kernel's points, the expansion, the number of its blocks, its width and
    whether it has second-order interaction (attention). A decoder stage also reads the encoder
    stage of its resolution, at port "skip". Nothing is ever dead: every genotype is another
    architecture, so `size` counts both.

    Args:
        name: name of the space.
        stages: what each stage may be.

    Raises:
        SpaceError: no stages, an empty choice, an unknown kernel, or a stage that reads one that
            does not come before it.
    """

    def __init__(self, name: str, stages: Sequence[PointStage]) -> None:
        if not stages:
            raise SpaceError("stages are empty; expected at least one")
        self.name = name
        self.kinds = KINDS
        self.stages = tuple(stages)
        slots = []
        for number, stage in enumerate(self.stages, 1):
            if stage.reads is not None and not 0 < stage.reads < number:
                raise SpaceError(
                    f"stage {number} reads stage {stage.reads}; expected 1 to {number - 1}"
                )
            if not set(stage.kernel) <= set(KERNELS):
                raise SpaceError(
                    f"stage {number} has kernels {stage.kernel}; expected some of {KERNELS}"
                )
            slots += [
                Slot(f"stage{number}.{decision}", getattr(stage, decision))
                for decision in _SEARCHED
            ]
        # A slot without a choice would only clutter a study.
        self.slots = tuple(slot for slot in slots if len(slot.choices) > 1)
        self._column = {slot.name: column for column, slot in enumerate(self.slots)}

    def decode(self, genotype: Genotype) -> Architecture:
        """Return the architecture of one genotype, ``[slots]``."""
        return self.decode_many(np.asarray(genotype)[None]).architecture(0)

    def decode_many(self, genotypes: Genotypes) -> Population:
        """Return the architectures of ``[batch, slots]`` by array operations."""
        batch, count = len(genotypes), len(self.stages) + 2
        kind = np.full((batch, count), KINDS.index["point_stage"], np.int16)
        kind[:, 0], kind[:, -1] = KINDS.index["input"], KINDS.index["output"]
        attributes = np.full((batch, count, KINDS.attribute_count), np.nan, np.float32)
        edges = np.zeros((batch, count, count), np.uint16)
        edges[:, np.arange(1, count), np.arange(count - 1)] = KINDS.port_bit["in"]
        for number, stage in enumerate(self.stages, 1):
            for place, attribute in enumerate(KINDS["point_stage"].attributes):
                if attribute.name == "stride":
                    attributes[:, number, place] = stage.stride
                    continue
                choices = getattr(stage, attribute.name)
                if isinstance(attribute, Categorical):
                    choices = [attribute.encode(str(choice)) for choice in choices]
                column = self._column.get(f"stage{number}.{attribute.name}")
                genes = genotypes[:, column] if column is not None else np.zeros(batch, np.int64)
                attributes[:, number, place] = np.array(choices, np.float32)[genes]
            if stage.reads is not None:
                edges[:, number, stage.reads] |= np.uint16(KINDS.port_bit["skip"])
        names = (f"stage{number}" for number in range(1, count - 1))
        return Population(KINDS, kind, attributes, edges, ("input", *names, "output"))


def pids_classification() -> PIDSSpace:
    """PIDS's space for classification: seven stages, 28 slots, 8.93e11 architectures."""
    return PIDSSpace("pids-classification", ENCODER)


def pids_segmentation() -> PIDSSpace:
    """PIDS's space for segmentation: seven and four stages, 47 slots, 8.00e18 architectures."""
    return PIDSSpace("pids-segmentation", (*ENCODER, *DECODER))
