from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from dagsmith.data import DatasetError, GenotypeColumns, SlotColumn, TableMapping, load_table
from dagsmith.space import (
    Architecture,
    ComponentKind,
    Edge,
    Flag,
    Genotype,
    Genotypes,
    Node,
    Number,
    SearchSpace,
    Slot,
    SpaceError,
    Vocabulary,
)


class Towers(SearchSpace):
    """A slot of each type of choice, and one without a choice."""

    def __init__(self) -> None:
        self.name = "towers"
        self.kinds = Vocabulary(
            (ComponentKind("in", (), ()), ComponentKind("fc", (Number("width"), Flag("bias"))))
        )
        self.slots = (
            Slot("width", (16, 32)),
            Slot("bias", (False, True)),
            Slot("act", ("relu", "gelu", "none")),
            Slot("input", ("image",)),
        )

    def decode(self, genotype: Genotype) -> Architecture:
        gene = self.to_params(genotype)
        layer = Node.of("fc", width=gene["width"], bias=gene["bias"])
        if gene["act"] == "none":
            return Architecture((layer,), ())
        return Architecture((Node.of("in"), layer), (Edge(0, 1),))


SPACE = Towers()
FRAME = pl.DataFrame(
    {
        "width": [16, 32, 16, 32],
        "bias": [True, False, False, True],
        "act": ["relu", "gelu", "none", "relu"],
        "accuracy": [0.5, None, float("nan"), 0.75],
        "ms": pl.Series([1, 2, 3, None], dtype=pl.Int32),
    }
)
MAPPING = TableMapping(["accuracy"], costs={"latency_ms": "ms"})
GENOTYPES = [[0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 2, 0], [1, 1, 0, 0]]


def write(tmp_path: Path, frame: pl.DataFrame = FRAME) -> Path:
    path = tmp_path / "t.parquet"
    frame.write_parquet(path)
    return path


def test_slots_are_columns_of_their_names(tmp_path: Path) -> None:
    table = load_table(write(tmp_path), SPACE, MAPPING)
    expected = SPACE.decode_many(np.array(GENOTYPES, np.int16))
    assert table.kinds == SPACE.kinds
    assert table.population.fingerprint().tolist() == expected.fingerprint().tolist()
    np.testing.assert_array_equal(table.column("accuracy"), [0.5, np.nan, np.nan, 0.75])
    np.testing.assert_array_equal(table.column("latency_ms"), [1, 2, 3, np.nan])
    assert (list(table.metrics), list(table.costs)) == (["accuracy"], ["latency_ms"])


@pytest.mark.parametrize(
    "slots",
    [
        {"act": SlotColumn("code", {0: "none", 1: "relu", 7: "gelu"})},
        {"act": SlotColumn("code", {0: "none", 1: "relu", 7: "gelu"}), "width": "width"},
        {"act": "text"},
        GenotypeColumns(("code", "width", "bias"), lambda columns: by_function(columns)),
    ],
    ids=["codes", "codes and names", "another column", "a function"],
)
def test_declared_columns_give_the_same_table(
    slots: Mapping[str, str | SlotColumn] | GenotypeColumns, tmp_path: Path
) -> None:
    code = pl.Series("code", [1, 7, 0, 1], dtype=pl.UInt8)
    frame = FRAME.with_columns(code, text=pl.col("act").cast(pl.Categorical)).drop("act")
    table = load_table(write(tmp_path, frame), SPACE, TableMapping(["accuracy"], slots=slots))
    expected = SPACE.decode_many(np.array(GENOTYPES, np.int16))
    assert table.population.fingerprint().tolist() == expected.fingerprint().tolist()


def by_function(columns: Mapping[str, NDArray[Any]]) -> Genotypes:
    act = np.searchsorted([1, 7], columns["code"] % 8) % 3
    act = np.where(columns["code"] == 0, 2, act)
    return np.stack(
        [columns["width"] // 32, columns["bias"], act, np.zeros(len(act))], axis=1
    ).astype(np.int16)


def test_files_are_joined_by_the_key(tmp_path: Path) -> None:
    first, second = tmp_path / "a.parquet", tmp_path / "b.parquet"
    FRAME.drop("ms").with_columns(id=pl.Series([4, 3, 2, 1])).write_parquet(first)
    pl.DataFrame({"id": [1, 4], "ms": [10.0, 40.0]}).write_parquet(second)
    mapping = TableMapping(["accuracy"], ["ms"], key="id")
    table = load_table([first, second], SPACE, mapping)
    np.testing.assert_array_equal(table.column("ms"), [40, np.nan, np.nan, 10])
    assert len(load_table(first, SPACE, TableMapping(["accuracy"], key="id"))) == 4


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("act", ["relu", "gelu", "swish", "relu"], r"row 3: .* 'act' is 'swish'; slot 'act' "
         r"expects one of relu, gelu, none$"),
        ("act", ["relu", None, "gelu", "relu"], "row 2: column 'act' is None"),
        ("act", [1, 1, 1, 1], "row 1: column 'act' is 1; slot 'act' expects one of relu"),
        ("act", [["relu"]] * 4, r"column 'act' is of type List\(String\); expected one value"),
        ("width", [16.0, 32.0, float("nan"), 16.0], "row 3: column 'width' is nan"),
        ("accuracy", [1.0, 2.0, 3.0, float("-inf")], r"row 4: column 'accuracy' is -inf; expected"),
        ("accuracy", ["high"] * 4, "column 'accuracy' is of type String; expected numbers"),
        ("ms", [[1.0]] * 4, "column 'ms' is of type List"),
    ],
)  # fmt: skip
def test_values_that_cannot_be_used(
    column: str, values: list[Any], message: str, tmp_path: Path
) -> None:
    path = write(tmp_path, FRAME.with_columns(pl.Series(column, values)))
    with pytest.raises(DatasetError, match=rf"t\.parquet.*{message}"):
        load_table(path, SPACE, MAPPING)


def test_codes_are_shown_with_their_meaning(tmp_path: Path) -> None:
    path = write(tmp_path, FRAME.with_columns(code=pl.Series([0, 1, 2, 9])))
    slots = {"act": SlotColumn("code", {0: "none", 1: "relu", 2: "gelu"})}
    with pytest.raises(
        DatasetError,
        match=r"t.parquet, row 4: column 'code' is 9; slot 'act' expects one of "
        r"0 \(none\), 1 \(relu\), 2 \(gelu\)$",
    ):
        load_table(path, SPACE, TableMapping(["accuracy"], slots=slots))


def test_a_row_that_another_file_lacks_has_no_slot(tmp_path: Path) -> None:
    first, second = tmp_path / "a.parquet", tmp_path / "b.parquet"
    FRAME.drop("act").with_columns(id=pl.Series([1, 2, 3, 4])).write_parquet(first)
    FRAME.select("act").head(3).with_columns(id=pl.Series([1, 2, 3])).write_parquet(second)
    mapping = TableMapping(["accuracy"], key="id")
    with pytest.raises(
        DatasetError, match=r"b.parquet, which has no row for row 4 of the first file: .* is None"
    ):
        load_table([first, second], SPACE, mapping)


def test_mappings_that_do_not_fit_the_space(tmp_path: Path) -> None:
    path = write(tmp_path)
    unknown = TableMapping(["accuracy"], slots={"act": SlotColumn("act", {3: "rely"})})
    with pytest.raises(DatasetError, match=r"'towers' has no slot 'acct'; did you mean 'act'"):
        load_table(path, SPACE, TableMapping(["accuracy"], slots={"acct": "act"}))
    with pytest.raises(
        DatasetError, match=r"slot 'act' has no choice 'rely', which 3 of column 'act' is to mean"
    ):
        load_table(path, SPACE, unknown)
    with pytest.raises(DatasetError, match=r"t.parquet: .* column 'acuracy'; .*'accuracy'"):
        load_table(path, SPACE, TableMapping(["acuracy"]))
    with pytest.raises(DatasetError, match=r"t.parquet: .* no column 'bais'; .*'bias'"):
        load_table(path, SPACE, TableMapping(["accuracy"], slots={"bias": "bais"}))


@pytest.mark.parametrize(
    ("genotypes", "message"),
    [
        ([[0, 0, 0, 0]] * 3, "3 genotypes for 4 rows"),
        ([[0, 0, 0]] * 4, r"expects \[batch, 4\]"),
        ([[0, 0, 0, 0]] * 3 + [[2, 0, 0, 0]], "genotype 3: slot 'width' is 2; expected 0 to 1"),
    ],
)
def test_functions_that_give_no_genotypes(
    genotypes: list[list[int]], message: str, tmp_path: Path
) -> None:
    slots = GenotypeColumns(("ms",), lambda columns: np.array(genotypes, np.int16))
    frame = FRAME.with_columns(ms=pl.Series(range(4)))
    with pytest.raises(DatasetError, match=rf"t\.parquet: .*{message}|t\.parquet: {message}"):
        load_table(write(tmp_path, frame), SPACE, TableMapping(["accuracy"], slots=slots))


def test_what_a_function_complains_of_names_the_file(tmp_path: Path) -> None:
    def refuse(columns: Mapping[str, NDArray[Any]]) -> Genotypes:
        raise SpaceError("cell 2: too large")

    frame = FRAME.with_columns(ms=pl.Series(range(4)))
    mapping = TableMapping(["accuracy"], slots=GenotypeColumns(("ms",), refuse))
    with pytest.raises(DatasetError, match=r"t\.parquet: cell 2: too large"):
        load_table(write(tmp_path, frame), SPACE, mapping)
    with pytest.raises(DatasetError, match=r"t\.parquet, row 4: column 'ms' is missing"):
        load_table(write(tmp_path), SPACE, mapping)
