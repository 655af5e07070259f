"""The click logs that are known by name: their columns, schema and derived columns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from dagsmith.data.encoding import Encoding
from dagsmith.data.errors import DatasetError
from dagsmith.data.schema import Feature, Label, Schema
from dagsmith.space.errors import nearest


@dataclass(frozen=True)
class FileFormat:
    """How the files of a known click log look.

    Attributes:
        name: What ``--format`` calls it.
        columns: Names of the columns of files without a header; None where files have one.
        plain_columns: Names of the columns of a file whose first line has only numbers.
        separator: Of text files; None: by the file's name and first line.
        quoted: Whether a double quote has a meaning in text files.
        schema: From the names of the columns that are there, the schema.
        derived: Derived column -> expression over columns of the file and the columns it needs.
    """

    name: str
    columns: tuple[str, ...] | None = None
    plain_columns: tuple[str, ...] | None = None
    separator: str | None = None
    quoted: bool = True
    schema: Callable[[Sequence[str], Encoding], Schema] | None = None
    derived: Mapping[str, tuple[pl.Expr, tuple[str, ...]]] = field(default_factory=dict)

    def sources(self, names: Sequence[str]) -> list[str]:
        """The columns of the file that the named columns are made from, each once."""
        needed: dict[str, None] = {}
        for name in names:
            needed.update(dict.fromkeys(self.derived[name][1] if name in self.derived else (name,)))
        return list(needed)

    def derive(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Add the derived columns whose sources the frame has."""
        made = [
            expression.alias(name)
            for name, (expression, needs) in self.derived.items()
            if name not in frame.columns and all(need in frame.columns for need in needs)
        ]
        return frame.with_columns(made) if made else frame


CRITEO_DENSE = tuple(f"I{i}" for i in range(1, 14))
CRITEO_CATEGORICAL = tuple(f"C{i}" for i in range(1, 27))
AVAZU_CATEGORICAL = (
    *("C1", "banner_pos", "site_id", "site_domain", "site_category"),
    *("app_id", "app_domain", "app_category", "device_id", "device_ip", "device_model"),
    *("device_type", "device_conn_type"),
    *(f"C{i}" for i in range(14, 22)),
)
KDD2012_COLUMNS = (
    *("click", "impression", "display_url", "ad_id", "advertiser_id", "depth", "position"),
    *("query_id", "keyword_id", "title_id", "description_id", "user_id"),
)
KDD2012_DENSE = ("impression", "depth", "position")
KDD2012_CATEGORICAL = tuple(
    name for name in KDD2012_COLUMNS if name not in ("click", *KDD2012_DENSE)
)
KDD2012_USER_COLUMNS = ("gender", "age")
MOVIELENS_NAMES = {
    "user": ("user_id", "userId", "user"),
    "item": ("item_id", "movie_id", "movieId", "item"),
    "genres": ("genres", "class"),
}
MOVIELENS_OTHER = ("gender", "age", "occupation", "zip_code", "release_year")


def _criteo(columns: Sequence[str], encoding: Encoding) -> Schema:
    features: list[Feature] = [encoding.dense(name) for name in CRITEO_DENSE]
    features += [encoding.single(name) for name in CRITEO_CATEGORICAL]
    return Schema(Label("label"), tuple(features), "criteo")


def _avazu(columns: Sequence[str], encoding: Encoding) -> Schema:
    names = ("hour_of_day", "weekday", *AVAZU_CATEGORICAL)
    return Schema(Label("click"), tuple(encoding.single(name) for name in names), "avazu")


def _kdd2012(columns: Sequence[str], encoding: Encoding) -> Schema:
    users = [name for name in KDD2012_USER_COLUMNS if name in columns]
    features: list[Feature] = [encoding.dense(name) for name in KDD2012_DENSE]
    features += [encoding.single(name) for name in (*KDD2012_CATEGORICAL, *users)]
    return Schema(Label("click", at_least=1), tuple(features), "kdd2012")


def _movielens(columns: Sequence[str], encoding: Encoding) -> Schema:
    def one_of(role: str) -> str | None:
        return next((name for name in MOVIELENS_NAMES[role] if name in columns), None)

    user, item, genres = one_of("user"), one_of("item"), one_of("genres")
    for role, found in (("user", user), ("item", item)):
        if found is None:
            wanted = " or ".join(repr(name) for name in MOVIELENS_NAMES[role])
            raise DatasetError(
                f"movielens: a column {wanted} is expected; {nearest(role, columns)}"
            )
    assert user is not None
    assert item is not None
    features: list[Feature] = [encoding.single(user), encoding.single(item)]
    features += [encoding.single(name) for name in MOVIELENS_OTHER if name in columns]
    if genres is not None:
        features.append(encoding.multiple(genres, " " if genres == "class" else "|", 6))
    return Schema(Label("rating", at_least=4), tuple(features), "movielens")


_HOUR = pl.col("hour").cast(pl.String)

FORMATS: dict[str, FileFormat] = {
    "table": FileFormat("table"),
    "criteo": FileFormat(
        "criteo",
        columns=("label", *CRITEO_DENSE, *CRITEO_CATEGORICAL),
        separator="\t",
        quoted=False,
        schema=_criteo,
    ),
    "avazu": FileFormat(
        "avazu",
        schema=_avazu,
        derived={
            "day": (_HOUR.str.slice(0, 6), ("hour",)),
            "hour_of_day": (_HOUR.str.slice(6, 2), ("hour",)),
            "weekday": (
                _HOUR.str.slice(0, 6)
                .str.to_date("%y%m%d", strict=False)
                .dt.weekday()
                .cast(pl.String),
                ("hour",),
            ),
        },
    ),
    "kdd2012": FileFormat(
        "kdd2012", columns=KDD2012_COLUMNS, separator="\t", quoted=False, schema=_kdd2012
    ),
    "movielens": FileFormat(
        "movielens",
        plain_columns=("user_id", "item_id", "rating", "timestamp"),
        schema=_movielens,
    ),
}
"""Every named format, by name."""


def format_named(name: str) -> FileFormat:
    """Look a format up.

    Raises:
        DatasetError: If there is none of that name.
    """
    if name not in FORMATS:
        raise DatasetError(f"unknown format {name!r}; {nearest(name, [*FORMATS, 'auto'])}")
    return FORMATS[name]


def recognise(columns: Sequence[str] | None, width: int, first_is_binary: bool) -> FileFormat:
    """The format that a file's columns point to.

    Args:
        columns: Names in the file, or None for a text file that seems to have no header.
        width: Number of columns.
        first_is_binary: Whether the first line starts with 0 or 1.

    Returns:
        ``criteo``, ``avazu`` or, where neither fits, ``table``.
    """
    if columns is not None:
        if {"label", *CRITEO_DENSE, *CRITEO_CATEGORICAL} <= set(columns):
            return FORMATS["criteo"]
        if {"hour", *AVAZU_CATEGORICAL} <= set(columns):
            return FORMATS["avazu"]
    elif width == 40 and first_is_binary:
        return FORMATS["criteo"]
    return FORMATS["table"]
