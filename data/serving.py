"""New rows, encoded as the training rows were: for evaluation and for serving."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from dagsmith.data import rows
from dagsmith.data.batch import Batch
from dagsmith.data.encoders import Encoders
from dagsmith.data.errors import DatasetError, located
from dagsmith.data.reading import FileSource, Paths
from dagsmith.data.store import Dataset, Split
from dagsmith.data.unknown_values import unknown_warnings


class EncodedReader:
    """A file too large for memory, encoded chunk by chunk.

    Args:
        encoders: Fitted encoders, or the data set that has them.
        paths: Files of the format that the encoders were fitted on.
        users: For ``kdd2012``, the file with gender and age of the users.
        on_error: ``skip`` leaves out rows that cannot be used and counts them.

    Attributes:
        labelled: Whether the files have the label column.
        unknown: Field -> values out of vocabulary in the rows read so far.
        skipped: Rows left out so far.
    """

    def __init__(
        self,
        encoders: Encoders | Dataset,
        paths: Paths,
        *,
        users: str | Path | None = None,
        on_error: Literal["raise", "skip"] = "raise",
    ) -> None:
        self.encoders = encoders.encoders if isinstance(encoders, Dataset) else encoders
        self._source = FileSource(paths, self.encoders.schema.format, users, False)
        self._skip = on_error == "skip"
        label = self.encoders.schema.label.column
        self.labelled = label in self._source.columns()
        self._types = self.encoders.types()
        if self.labelled:
            self._types[label] = False
        self._source.require(list(self._types))
        self.unknown: dict[str, int] = {}
        self.skipped = 0

    def __iter__(self) -> Iterator[Batch]:
        self.unknown, self.skipped, rows_read = {}, 0, 0
        for chunk in self._source.chunks(self._types, skip_bad=self._skip):
            frame = chunk.frame
            self.skipped += chunk.refused
            if self._skip:
                with located(chunk.locate(0)):
                    kept = rows.usable(self._problems(frame))
                if kept is not None:
                    self.skipped += int((~kept).sum())
                    frame = frame.filter(pl.Series(kept))
            batch = self.encoders.encode(frame, locate=chunk.locate)
            for name, count in self.encoders.unknown(batch).items():
                self.unknown[name] = self.unknown.get(name, 0) + count
            rows_read += len(batch.label)
            yield batch
        shares = {name: count / max(1, rows_read) for name, count in self.unknown.items()}
        unknown_warnings("the file", shares, self.encoders.fields)

    def _problems(self, frame: pl.DataFrame) -> list[rows.Problem | None]:
        schema = self.encoders.schema
        found = [rows.numbers(frame[name], schema.missing)[1] for name in schema.numeric]
        if self.labelled:
            found.append(rows.label_values(frame[schema.label.column], schema.label)[1])
        return found


class EncodedFile(Split):
    """A file encoded in memory; a ``Split`` that also knows what was unknown in it.

    Args:
        reader: What it is read from, to the end.

    Attributes:
        labelled: Whether the file has labels; else they are NaN.
        unknown: Field -> values out of vocabulary.
        skipped: Rows left out.
    """

    def __init__(self, reader: EncodedReader) -> None:
        batches = list(reader)
        if not batches:
            raise DatasetError("the file has no rows")
        super().__init__(
            np.concatenate([batch.dense for batch in batches]),
            np.concatenate([batch.sparse for batch in batches]),
            np.concatenate([batch.label for batch in batches]),
        )
        self.labelled = reader.labelled
        self.unknown = dict(reader.unknown)
        self.skipped = reader.skipped


def encode_file(
    encoders: Encoders | Dataset,
    paths: Paths,
    *,
    users: str | Path | None = None,
    on_error: Literal["raise", "skip"] = "raise",
) -> EncodedFile:
    """Encode new files with fitted encoders, in memory.

    Args:
        encoders: Fitted encoders, or the data set that has them.
        paths: Files of the format that the encoders were fitted on.
        users: For ``kdd2012``, the file with gender and age of the users.
        on_error: ``skip`` leaves out rows that cannot be used and counts them.

    Raises:
        DatasetError: If a column is missing or a row cannot be used.
    """
    return EncodedFile(EncodedReader(encoders, paths, users=users, on_error=on_error))
