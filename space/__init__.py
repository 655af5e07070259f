"""The typed DAG, its components and their attributes, and the search spaces over it."""

from dagsmith.space.architecture import Architecture, Edge, Node
from dagsmith.space.component import (
    Attribute,
    Categorical,
    ComponentKind,
    Flag,
    Number,
    Value,
    Vocabulary,
)
from dagsmith.space.ctr import Block
from dagsmith.space.drawing import draw
from dagsmith.space.errors import ArchitectureError, SpaceError
from dagsmith.space.nasrec import SPACES, NASRecSpace, nasrec_full, nasrec_small
from dagsmith.space.population import ABSENT, Population
from dagsmith.space.published import PublishedNet, published_nets
from dagsmith.space.search_space import Genotype, Genotypes, SearchSpace, Slot

__all__ = [
    "ABSENT",
    "SPACES",
    "Architecture",
    "ArchitectureError",
    "Attribute",
    "Block",
    "Categorical",
    "ComponentKind",
    "Edge",
    "Flag",
    "Genotype",
    "Genotypes",
    "NASRecSpace",
    "Node",
    "Number",
    "Population",
    "PublishedNet",
    "SearchSpace",
    "Slot",
    "SpaceError",
    "Value",
    "Vocabulary",
    "draw",
    "nasrec_full",
    "nasrec_small",
    "published_nets",
]
