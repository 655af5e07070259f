"""From a click log to a prepared data set."""

import hashlib
import io
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import polars as pl

from dagsmith.data.atomic import only_one, publish, working_folder
from dagsmith.data.encoding import Encoding
from dagsmith.data.errors import DatasetError
from dagsmith.data.inference import infer_schema
from dagsmith.data.pipeline import Fitted, Written, fit, write
from dagsmith.data.raw_rows import Progress, column_types, read_rows
from dagsmith.data.reading import FileSource, FrameSource, Paths, Source, file_digest
from dagsmith.data.schema import Schema
from dagsmith.data.splits import (
    SPLITS,
    ColumnSplit,
    FileSplit,
    Plan,
    RatioSplit,
    SplitName,
    SplitRule,
    TimeSplit,
    plan_split,
)
from dagsmith.data.store import ENCODERS, FORMAT_VERSION, KIND, MANIFEST, Dataset, read_manifest
from dagsmith.data.unknown_values import unknown_warnings
from dagsmith.space.errors import nearest

_log = logging.getLogger(__name__)
_SPLIT_COLUMN = "split"


def prepare(
    source: Paths | pl.DataFrame,
    out: str | Path,
    *,
    format: str = "auto",
    schema: Schema | Mapping[str, Any] | str | Path | None = None,
    label: str | None = None,
    drop: Sequence[str] = (),
    valid: Paths | None = None,
    test: Paths | None = None,
    users: str | Path | None = None,
    split: SplitRule | None = None,
    encoding: Encoding | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Dataset:
    """Turn a click log into a data set that training memory-maps.

    The encoders are fitted on the training rows only. Memory does not grow with the rows,
    only with the number of different values of the vocabularies. The data set appears under
    its name when it is complete: a killed preparation leaves nothing that opens. If ``out``
    is already there and was prepared with the same arguments, it is opened instead.

    Args:
        source: CSV, TSV or parquet (``.gz``, ``.zst`` too): a file, a folder, a glob pattern,
            a list of these; or a frame.
        out: Folder of the data set.
        format: ``criteo``, ``avazu``, ``kdd2012``, ``movielens``, ``table``; ``auto`` tells
            the first two by their columns.
        schema: Label and features: a schema, its JSON, or the file of it; None takes the
            format's, or guesses (see ``infer_schema``).
        label: Label column of a guessed schema.
        drop: Columns that are no features.
        valid: Files of the validation rows.
        test: Files of the test rows.
        users: For ``kdd2012``, the file with gender and age of the users.
        split: Rule for the splits. None: the files given; else a column ``split`` with values
            such as ``train`` and ``test``; else ``RatioSplit()``.
        encoding: Encoders of a guessed schema or of a format.
        on_error: ``skip`` leaves out rows that cannot be used and counts them.
        overwrite: Replace a data set that was prepared with other arguments.
        progress: Told the stage (``read`` in bytes, ``fit`` and ``write`` in rows), the work
            done, and the work in all where it is known.

    Raises:
        DatasetError: For anything wrong with source, schema or split, in one line.
    """
    if on_error not in ("raise", "skip"):
        raise DatasetError(f"on_error must be 'raise' or 'skip', not {on_error!r}")
    sources = _sources(source, format, valid, test, users)
    train = sources["train"]
    if split is not None and len(sources) > 1 and not isinstance(split, FileSplit):
        raise DatasetError("give files for valid and test, or a rule for the split, not both")
    drop = list(drop)
    if _has_split_column(train) and schema is None:
        if split is None and len(sources) == 1:
            split = ColumnSplit(_SPLIT_COLUMN)
            _log.info("splitting by the column %r", _SPLIT_COLUMN)
        drop.append(_SPLIT_COLUMN)
    rule = split or (FileSplit() if len(sources) > 1 else RatioSplit())
    if isinstance(rule, TimeSplit | ColumnSplit):
        train.require([rule.column])
        if schema is None and rule.column in train.columns():
            drop.append(rule.column)
    resolved = _resolve_schema(train, schema, label, list(dict.fromkeys(drop)), encoding)
    return prepare_sources(
        sources,
        Path(out),
        resolved,
        rule,
        skip_bad=on_error == "skip",
        overwrite=overwrite,
        progress=progress,
    )


def prepare_sources(
    sources: Mapping[SplitName, Source],
    out: Path,
    schema: Schema,
    rule: SplitRule,
    *,
    skip_bad: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Dataset:
    """Prepare opened sources; see ``prepare``.

    Args:
        sources: The source, as ``train``, and given ones for the other splits.
        out: Folder of the data set.
        schema: Label and features.
        rule: For the splits.
        skip_bad: Leave out rows that cannot be used.
        overwrite: Replace another data set.
        progress: Told how far it is.
        metadata: Kept with the data set.
    """
    for source in sources.values():
        source.require(list(column_types(schema, rule)))
    request = {
        "schema": schema.to_json(),
        "split": {"rule": type(rule).__name__, **_plain(vars(rule))},
        "on_error": "skip" if skip_bad else "raise",
    }
    with only_one(out):
        if _finished(out, request, sources, overwrite):
            _log.info("%s is already prepared", out)
            return Dataset.open(out)
        with working_folder(out) as folder:
            request["sources"] = {name: source.identity() for name, source in sources.items()}
            manifest = _build(
                sources, schema, rule, folder, skip_bad, progress or (lambda *_: None), metadata
            )
            manifest["request"] = request
            text = json.dumps(manifest, indent=2)
            (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
            publish(folder, out)
    return Dataset.open(out)


def _build(
    sources: Mapping[SplitName, Source],
    schema: Schema,
    rule: SplitRule,
    folder: Path,
    skip_bad: bool,
    progress: Progress,
    metadata: Mapping[str, Any] | None,
) -> dict[str, Any]:
    spill = folder / "spill.bin"
    raw = read_rows(sources, schema, rule, spill, skip_bad=skip_bad, progress=progress)
    plan = plan_split(rule, raw.keys, raw.counts)
    fitted = fit(raw, schema, plan, progress)
    warnings = _check_splits(plan, fitted, rule)
    written = write(raw, plan, fitted, folder, progress)
    for name, shares in written.unknown.items():
        warnings += unknown_warnings(f"split {name!r}", shares, fitted.encoders.fields)
    spill.unlink()
    fitted.encoders.save(folder / ENCODERS)
    digests = _digests(folder)
    clicks = _clicks(plan, fitted)
    return {
        "kind": KIND,
        "version": FORMAT_VERSION,
        "fingerprint": _fingerprint(fitted, written, digests),
        "splits": written.splits,
        "partitions": written.partitions,
        "digests": digests,
        "metadata": {
            "rows": raw.spill.rows,
            "skipped": {"columns": raw.ragged, "values": raw.unreadable},
            "dropped": list(fitted.dropped),
            "warnings": warnings,
            "click_rate": {name: clicks[name] / rows for name, rows in written.splits.items()},
            "unknown_share": written.unknown,
            **(metadata or {}),
        },
    }


def _sources(
    source: Paths | pl.DataFrame,
    format: str,
    valid: Paths | None,
    test: Paths | None,
    users: str | Path | None,
) -> dict[SplitName, Source]:
    if isinstance(source, pl.DataFrame):
        if valid is not None or test is not None:
            raise DatasetError("with a frame, valid and test are a rule or a column, not files")
        frame = source
        identity = {"frame": _frame_digest(frame)}
        name = "table" if format == "auto" else format
        return {"train": FrameSource(lambda: [frame], identity, len(frame), name)}
    sources: dict[SplitName, Source] = {"train": FileSource(source, format, users)}
    name = sources["train"].format.name
    if valid is not None:
        sources["valid"] = FileSource(valid, name, users)
    if test is not None:
        sources["test"] = FileSource(test, name, users)
    return sources


def _frame_digest(frame: pl.DataFrame) -> str:
    digest = hashlib.sha256()
    for part in frame.iter_slices(65_536):
        buffer = io.BytesIO()
        part.write_parquet(buffer, compression="uncompressed")
        digest.update(buffer.getbuffer())
    return digest.hexdigest()


def _has_split_column(source: Source) -> bool:
    if _SPLIT_COLUMN not in source.columns():
        return False
    rule = ColumnSplit(_SPLIT_COLUMN)
    names = {*rule.train, *rule.valid, *rule.test}
    values = source.sample()[_SPLIT_COLUMN]
    if values.dtype != pl.String:
        return False
    # A row without a value is an error of the split, not another meaning of the column.
    present = [value.lower() for value in values.unique() if value]
    return bool(present) and names.issuperset(present)


def _resolve_schema(
    source: Source,
    schema: Schema | Mapping[str, Any] | str | Path | None,
    label: str | None,
    drop: Sequence[str],
    encoding: Encoding | None,
) -> Schema:
    if schema is None:
        return infer_schema(source, label=label, drop=drop, encoding=encoding)
    if label is not None or encoding is not None:
        raise DatasetError("a given schema holds label and encoders: leave out label and encoding")
    if isinstance(schema, str | Path):
        schema = Schema.load(schema)
    elif not isinstance(schema, Schema):
        schema = Schema.from_json(schema)
    for name in drop:
        if name not in source.columns():
            raise DatasetError(f"drop: no column {name!r}; {nearest(name, source.columns())}")
    if not schema.without(drop).features:
        raise DatasetError("the schema has no feature")
    return schema.without(drop)


def _clicks(plan: Plan, fitted: Fitted) -> dict[str, int]:
    clicks = dict.fromkeys(SPLITS, 0)
    for partition, count in zip(plan.partitions, fitted.counts[:, 1].tolist(), strict=True):
        clicks[partition.split] += count
    return {str(name): count for name, count in clicks.items()}


def _check_splits(plan: Plan, fitted: Fitted, rule: SplitRule) -> list[str]:
    """Refuse empty splits; warn of those with one class, where AUC is undefined."""
    warnings: list[str] = []
    clicks = _clicks(plan, fitted)
    for name in SPLITS:
        places = [i for i, partition in enumerate(plan.partitions) if partition.split == name]
        rows = int(fitted.counts[places].sum())
        if not rows:
            if isinstance(rule, RatioSplit | TimeSplit) and not getattr(rule, name, 1):
                continue
            raise DatasetError(
                f"split {name!r} is empty: {int(fitted.counts.sum())} rows in all, split by {rule}"
            )
        if clicks[name] in (0, rows):
            only = int(clicks[name] > 0)
            if name == "train":
                raise DatasetError(f"all {rows} training rows have the label {only}")
            warnings.append(f"split {name!r}: all {rows} rows have the label {only}: no AUC")
            _log.warning("%s", warnings[-1])
    return warnings


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(folder.rglob("*.npy"))
    return {file.relative_to(folder).as_posix(): file_digest(file) for file in files}


def _fingerprint(fitted: Fitted, written: Written, digests: Mapping[str, str]) -> str:
    parts = [fitted.encoders.fingerprint, written.splits, written.partitions, dict(digests)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON has it: lists for tuples."""
    return {key: list(v) if isinstance(v, tuple) else v for key, v in values.items()}


def _finished(
    out: Path, request: Mapping[str, Any], sources: Mapping[SplitName, Source], overwrite: bool
) -> bool:
    """Whether the data set is there already, from the same arguments.

    Raises:
        DatasetError: If something else is there, unless it is to be overwritten.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    found = read_manifest(out).get("request", {})
    difference = _difference(found, request) or _source_difference(found, sources)
    if difference is None:
        try:
            Dataset.open(out)
        except DatasetError:
            if overwrite:
                return False
            raise
        return True
    if overwrite:
        return False
    raise DatasetError(
        f"{out} holds a data set prepared with other arguments ({difference});"
        " choose another folder or overwrite it"
    )


def _difference(found: Any, wanted: Any, where: str = "") -> str | None:
    """The first place where the wanted arguments differ, in words."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        for key in wanted:
            place = f"{where}.{key}" if where else str(key)
            difference = _difference(found.get(key), wanted[key], place)
            if difference is not None:
                return difference
        return None
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for number, (old, new) in enumerate(zip(found, wanted, strict=True)):
            named = new.get("name", number) if isinstance(new, Mapping) else number
            difference = _difference(old, new, f"{where}[{named}]")
            if difference is not None:
                return difference
        return None
    if found == wanted:
        return None

    def shown(value: Any) -> str:
        return f"{len(value)} entries" if isinstance(value, list) else json.dumps(value)[:60]

    return f"{where}: {shown(found)} then, {shown(wanted)} now"


def _source_difference(found: Mapping[str, Any], sources: Mapping[SplitName, Source]) -> str | None:
    stored = found.get("sources", {})
    if set(stored) != set(sources):
        return f"sources: {', '.join(stored)} then, {', '.join(sources)} now"
    for name, source in sources.items():
        if isinstance(source, FileSource):
            seen = [(entry.get("size"), entry.get("modified_ns")) for entry in stored[name]]
            stats = [file.stat() for file in source.files]
            if seen == [(stat.st_size, stat.st_mtime_ns) for stat in stats]:
                continue
        old = [entry.get("sha256", entry) for entry in stored[name]]
        new = [entry.get("sha256", entry) for entry in source.identity()]
        if old != new:
            return f"the content of the {name} source is another one"
    return None
