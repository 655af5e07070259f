"""The typed DAG, its components and their attributes, and the search spaces over it."""

from dagsmith.space.architecture import Architecture, Edge, Node
from dagsmith.space.cells import CELL_KINDS, CELL_OPERATIONS
from dagsmith.space.click_space import ClickSpace
from dagsmith.space.component import (
    Attribute,
    Categorical,
    ComponentKind,
    Flag,
    Number,
    Value,
    Vocabulary,
)
from dagsmith.space.csco import CSCOSpace, csco_cifar10, csco_imagenet
from dagsmith.space.ctr import Block
from dagsmith.space.ctr_plus import CTRPlusSpace, ctr_plus
from dagsmith.space.ctr_plus_pim import CTRPlusPIMSpace, ctr_plus_pim
from dagsmith.space.drawing import draw
from dagsmith.space.errors import ArchitectureError, SpaceError
from dagsmith.space.handmade import HANDMADE, NAMED, named_architecture
from dagsmith.space.isomorphism import isomorphism_fingerprint
from dagsmith.space.nasbench101 import NASBench101Space, enumerate_cells
from dagsmith.space.nasbench201 import NASBench201Space
from dagsmith.space.nasbench_macro import NASBenchMacroSpace
from dagsmith.space.nasrec import NASRecSpace, nasrec_full, nasrec_small
from dagsmith.space.nasrec_pim import NASRecPIMSpace, nasrec_pim, nasrec_pim_small
from dagsmith.space.offered import SPACES, usual_blocks
from dagsmith.space.parameters import ParameterSpace
from dagsmith.space.pids import PIDSSpace, pids_classification, pids_segmentation
from dagsmith.space.pim_space import PIMSpace
from dagsmith.space.population import ABSENT, Population
from dagsmith.space.published import PublishedNet, published_nets
from dagsmith.space.restricted import RestrictedSpace
from dagsmith.space.sampled import SampledSpace
from dagsmith.space.search_space import Genotype, Genotypes, SearchSpace, Slot

__all__ = [
    "ABSENT",
    "CELL_KINDS",
    "CELL_OPERATIONS",
    "HANDMADE",
    "NAMED",
    "SPACES",
    "Architecture",
    "ArchitectureError",
    "Attribute",
    "Block",
    "CSCOSpace",
    "CTRPlusPIMSpace",
    "CTRPlusSpace",
    "Categorical",
    "ClickSpace",
    "ComponentKind",
    "Edge",
    "Flag",
    "Genotype",
    "Genotypes",
    "NASBench101Space",
    "NASBench201Space",
    "NASBenchMacroSpace",
    "NASRecPIMSpace",
    "NASRecSpace",
    "Node",
    "Number",
    "PIDSSpace",
    "PIMSpace",
    "ParameterSpace",
    "Population",
    "PublishedNet",
    "RestrictedSpace",
    "SampledSpace",
    "SearchSpace",
    "Slot",
    "SpaceError",
    "Value",
    "Vocabulary",
    "csco_cifar10",
    "csco_imagenet",
    "ctr_plus",
    "ctr_plus_pim",
    "draw",
    "enumerate_cells",
    "isomorphism_fingerprint",
    "named_architecture",
    "nasrec_full",
    "nasrec_pim",
    "nasrec_pim_small",
    "nasrec_small",
    "pids_classification",
    "pids_segmentation",
    "published_nets",
    "usual_blocks",
]
