"""CTR data sets: from a click log to typed, memory-mapped columns.

Reading: ``prepare`` turns files into a ``Dataset``, ``prepare_synthetic`` makes one. Training:
``Dataset.open``, its splits and their ``batches``. Serving: ``Encoders`` and ``encode_file``.
"""

from dagsmith.data.batch import Batch
from dagsmith.data.encoders import Encoders, SparseField
from dagsmith.data.errors import DatasetError
from dagsmith.data.evaluations import Evaluation, Evaluator
from dagsmith.data.formats import FORMATS
from dagsmith.data.inference import infer_schema
from dagsmith.data.prepare import prepare
from dagsmith.data.schema import (
    Buckets,
    CategoricalFeature,
    DenseFeature,
    Encoding,
    Hashing,
    Label,
    MultiValuedFeature,
    Schema,
    Vocabulary,
)
from dagsmith.data.serving import EncodedFile, EncodedReader, encode_file
from dagsmith.data.splits import ColumnSplit, FileSplit, RatioSplit, TimeSplit
from dagsmith.data.store import Dataset, Split
from dagsmith.data.synthetic import ClickLaw, prepare_synthetic, synthetic_click_log

__all__ = [
    "FORMATS",
    "Batch",
    "Buckets",
    "CategoricalFeature",
    "ClickLaw",
    "ColumnSplit",
    "Dataset",
    "DatasetError",
    "DenseFeature",
    "EncodedFile",
    "EncodedReader",
    "Encoders",
    "Encoding",
    "Evaluation",
    "Evaluator",
    "FileSplit",
    "Hashing",
    "Label",
    "MultiValuedFeature",
    "RatioSplit",
    "Schema",
    "SparseField",
    "Split",
    "TimeSplit",
    "Vocabulary",
    "encode_file",
    "infer_schema",
    "prepare",
    "prepare_synthetic",
    "synthetic_click_log",
]
