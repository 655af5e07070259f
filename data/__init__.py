"""CTR data sets, and tables of evaluated architectures.

A click log becomes typed, memory-mapped columns. Reading: ``prepare`` turns files into a
``Dataset``, ``prepare_synthetic`` makes one. Training: ``Dataset.open``, its splits and their
``batches``. Serving: ``Encoders`` and ``encode_file``.

What a predictor learns from is an ``EvaluatedTable``: ``load_table`` reads one from parquet with
a ``TableMapping`` or from JSON lines; ``nasbench201`` and others read the public ones.
"""

from dagsmith.data.batch import Batch
from dagsmith.data.column_mapping import GenotypeColumns, SlotColumn, TableMapping
from dagsmith.data.encoders import Encoders, SparseField
from dagsmith.data.encoding import Encoding
from dagsmith.data.errors import DatasetError
from dagsmith.data.evaluations import Evaluation, Evaluator, StreamingEvaluator
from dagsmith.data.formats import FORMATS
from dagsmith.data.inference import infer_schema
from dagsmith.data.kind_inference import infer_kinds
from dagsmith.data.prepare import prepare
from dagsmith.data.public_tables import nasbench101, nasbench201, nasbench_macro
from dagsmith.data.schema import (
    Buckets,
    CategoricalFeature,
    DenseFeature,
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
from dagsmith.data.table_evaluator import TableEvaluator
from dagsmith.data.table_files import load_table, save_table
from dagsmith.data.tables import EvaluatedTable, MergedTable
from dagsmith.data.truth import TruthTable, shipped_truth_tables, truth_table

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
    "EvaluatedTable",
    "Evaluation",
    "Evaluator",
    "FileSplit",
    "GenotypeColumns",
    "Hashing",
    "Label",
    "MergedTable",
    "MultiValuedFeature",
    "RatioSplit",
    "Schema",
    "SlotColumn",
    "SparseField",
    "Split",
    "StreamingEvaluator",
    "TableEvaluator",
    "TableMapping",
    "TimeSplit",
    "TruthTable",
    "Vocabulary",
    "encode_file",
    "infer_kinds",
    "infer_schema",
    "load_table",
    "nasbench101",
    "nasbench201",
    "nasbench_macro",
    "prepare",
    "prepare_synthetic",
    "save_table",
    "shipped_truth_tables",
    "synthetic_click_log",
    "truth_table",
]
