"""A schema guessed from the first rows of a table."""

import logging
from collections.abc import Sequence

import polars as pl

from dagsmith.data.encoding import Encoding
from dagsmith.data.errors import DatasetError
from dagsmith.data.reading import FileSource, Paths, Source
from dagsmith.data.schema import (
    Buckets,
    CategoricalFeature,
    DenseFeature,
    Feature,
    Label,
    Schema,
    Transform,
)
from dagsmith.space.errors import nearest

LABEL_NAMES = ("label", "click", "clicked", "is_click", "target")
ROWS_PER_VALUE = 20
LARGEST_GAP = 100
MULTI_VALUED_SHARE = 0.1
IDENTIFIER_ROWS = 100

_INDEX_NAMES = ("index", "__index_level_0__")
"""What pandas calls an index that had no name."""

_log = logging.getLogger(__name__)


def infer_schema(
    source: Paths | pl.DataFrame | Source,
    *,
    format: str = "auto",
    label: str | None = None,
    dense: Sequence[str] = (),
    categorical: Sequence[str] = (),
    multivalued: Sequence[str] = (),
    drop: Sequence[str] = (),
    encoding: Encoding | None = None,
) -> Schema:
    """Guess the schema of a table from its first 100,000 rows, or take a named format's.

    For each column, the first rule that fits:

    1. The label is ``label``, else the first of ``LABEL_NAMES`` that there is.
    2. Columns named in ``dense``, ``categorical``, ``multivalued``, ``drop`` are that.
    3. Without any value in the sample, it is left to be decided by all rows: categorical.
    4. Dates and times are dropped.
    5. Lists, and texts of which a tenth contains ``|``, are multi-valued.
    6. Texts and booleans are categorical; with a different text in every row (of at least
       100) it is an identifier and dropped.
    7. Fractional numbers, decimals too, are numbers: ``encoding.numbers`` says how they enter.
       Where all that are present are whole, they count as whole numbers.
    8. Whole numbers that number the rows are dropped: a column without a name, or named as
       pandas names an index, or that rises by exactly 1 in every row (of at least 100).
    9. Other whole numbers are categorical if the name is or ends in ``id``, or if every value
       occurs 20 times on average and the values are a hundredth or more of their range;
       else numbers. So ages and hours are categories, amounts and counts are numbers. A column
       that is named as an id and differs in every row is dropped.

    Args:
        source: Files, a frame, or an opened source.
        format: Name of a format, or ``auto``.
        label: Name of the label column.
        dense: Columns that are dense whatever they look like.
        categorical: Columns that are categorical.
        multivalued: Columns that are multi-valued.
        drop: Columns that are no features.
        encoding: How the features are encoded.

    Raises:
        DatasetError: If there is no label, or a named column does not exist.
    """
    if isinstance(source, pl.DataFrame):
        frame = source
    else:
        opened = source if isinstance(source, Source) else FileSource(source, format)
        columns = opened.columns()
        wanted = {"dense": dense, "categorical": categorical, "multivalued": multivalued}
        if opened.format.schema is not None:
            schema = opened.format.schema(columns, encoding or Encoding())
            # To name the label that it has anyway does no harm.
            if label not in (None, schema.label.column) or any(wanted.values()):
                raise DatasetError(
                    f"the format {opened.format.name!r} brings its own schema, whose label is "
                    f"{schema.label.column!r}; give format='table' to choose label and columns"
                )
            for name in drop:
                if name not in columns:
                    raise DatasetError(f"drop: no column {name!r}; {nearest(name, columns)}")
            return schema.without(drop)
        frame = opened.sample()
    encoding = encoding or Encoding()
    label = _find_label(label, frame.columns)
    for role, names in (
        ("dense", dense),
        ("categorical", categorical),
        ("multivalued", multivalued),
        ("drop", drop),
    ):
        for name in names:
            if name not in frame.columns:
                raise DatasetError(f"{role}: no column {name!r}; {nearest(name, frame.columns)}")
    features: list[Feature] = []
    for name in frame.columns:
        if name == label or name in drop:
            continue
        if name in dense:
            features.append(_dense(frame[name], encoding))
        elif name in categorical:
            features.append(encoding.single(name))
        elif name in multivalued:
            features.append(_multi_valued(frame[name], encoding))
        else:
            features.extend(_infer(frame[name], encoding))
    if not features:
        raise DatasetError(f"no feature column beside the label {label!r}")
    return Schema(Label(label), tuple(features))


def _find_label(label: str | None, columns: Sequence[str]) -> str:
    if label is not None:
        if label not in columns:
            raise DatasetError(f"label: no column {label!r}; {nearest(label, columns)}")
        return label
    for name in LABEL_NAMES:
        if name in columns:
            return name
    raise DatasetError(
        f"no label column: none of {', '.join(LABEL_NAMES)} is there, give label=NAME; "
        f"{nearest('label', columns)}"
    )


def _infer(column: pl.Series, encoding: Encoding) -> list[Feature]:
    column = _whole_where_it_is(column)
    name, present, kind = column.name, column.drop_nulls(), column.dtype
    if kind.is_temporal():
        _log.warning("column %r holds times: not a feature", name)
        return []
    if isinstance(kind, pl.List | pl.Array):
        return [_multi_valued(column, encoding)]
    if kind.is_float():
        return _number(column, encoding)
    if kind.is_integer():
        if _numbers_the_rows(column):
            _log.warning("column %r numbers the rows: an index, not a feature", name)
            return []
        if _named_as_id(name):
            return _unless_identifier(column, encoding)
        if _looks_like_codes(present):
            return [encoding.single(name)]
        return _number(column, encoding)
    if kind == pl.String and len(present):
        if present.str.contains("|", literal=True).sum() >= MULTI_VALUED_SHARE * len(present):
            return [_multi_valued(column, encoding)]
        return _unless_identifier(column, encoding)
    return [encoding.single(name)]


def _whole_where_it_is(column: pl.Series) -> pl.Series:
    """Decimals as floats, and floats without a fraction as whole numbers: ids with gaps."""
    if column.dtype.is_decimal():
        column = column.cast(pl.Float64)
    if not column.dtype.is_float():
        return column
    known = column.fill_nan(None)
    whole = known.cast(pl.Int64, strict=False)
    # What is too large or infinite has become null.
    same = whole.null_count() == known.null_count() and bool((whole == known).all())
    return whole if same and known.null_count() < len(known) else column


def _numbers_the_rows(column: pl.Series) -> bool:
    """Whether it is the index of a table, which tells of a sorted log how it was sorted."""
    if not column.name or column.name.startswith("Unnamed: 0"):
        return True
    least = 2 if column.name in _INDEX_NAMES else IDENTIFIER_ROWS
    if len(column) < least or column.null_count():
        return False
    return bool((column.diff().drop_nulls() == 1).all())


def _unless_identifier(column: pl.Series, encoding: Encoding) -> list[Feature]:
    if len(column) >= IDENTIFIER_ROWS and column.n_unique() == len(column):
        _log.warning("column %r differs in every row: an identifier, not a feature", column.name)
        return []
    return [encoding.single(column.name)]


def _named_as_id(name: str) -> bool:
    return name.lower() == "id" or name.lower().endswith("_id") or name.endswith(("Id", "ID"))


def _looks_like_codes(values: pl.Series) -> bool:
    if not len(values):
        return True
    distinct = values.n_unique()
    low, high = int(values.min()), int(values.max())  # type: ignore[arg-type]
    return len(values) >= ROWS_PER_VALUE * distinct and high - low < LARGEST_GAP * distinct


def _number(column: pl.Series, encoding: Encoding) -> list[Feature]:
    """The features of a number: dense, in buckets, or both."""
    found: list[Feature] = []
    if encoding.numbers != "buckets":
        found.append(_dense(column, encoding))
    if encoding.numbers != "dense":
        found.append(CategoricalFeature(column.name, Buckets(encoding.bins)))
    return found


def _dense(column: pl.Series, encoding: Encoding) -> DenseFeature:
    return DenseFeature(column.name, encoding.transform or _less_skewed(column))


def _less_skewed(column: pl.Series) -> Transform:
    """``log-standardise`` where nothing is negative and logarithms are the less skewed."""
    values = column.cast(pl.Float64, strict=False).drop_nulls().drop_nans()
    values = values.filter(values.is_finite())
    if not len(values) or float(values.min()) < 0:  # type: ignore[arg-type]
        return "standardise"
    raw, logarithms = values.skew() or 0.0, values.log1p().skew() or 0.0
    return "log-standardise" if abs(logarithms) < abs(raw) else "standardise"


def _multi_valued(column: pl.Series, encoding: Encoding) -> Feature:
    if isinstance(column.dtype, pl.Array):
        column = column.arr.to_list()
    if isinstance(column.dtype, pl.List):
        lengths, separator = column.list.len(), "|"
    else:
        texts = column.cast(pl.String).drop_nulls()
        found = {mark: int(texts.str.count_matches(mark, literal=True).sum()) for mark in "|,; "}
        separator = max(found, key=lambda mark: found[mark])
        lengths = texts.str.split(separator).list.len()
    longest = int(lengths.max() or 1)  # type: ignore[arg-type]
    return encoding.multiple(column.name, separator, min(max(longest, 1), 64))


def describe(schema: Schema) -> str:
    """One line about a schema: how many features of each kind."""
    dense = sum(isinstance(feature, DenseFeature) for feature in schema.features)
    return f"label {schema.label.column!r}, {dense} dense, {len(schema.sparse)} categorical"
