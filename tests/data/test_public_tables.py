"""The real tables, where they are there; what else can be seen is seen on small copies."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dagsmith.data import DatasetError, EvaluatedTable, nasbench101, nasbench201, nasbench_macro
from dagsmith.data.public_tables import (
    HW_NASBENCH_ENERGIES,
    HW_NASBENCH_LATENCIES,
    NASBENCH201_LATENCIES,
    ZERO_COST_SCORES,
)
from dagsmith.space import NASBench201Space

ROWS = 6


def made_up(folder: Path) -> None:
    """Files with the columns of the public ones and a few rows."""
    rng = np.random.default_rng(0)

    def numbers(*names: str) -> dict[str, list[float]]:
        return {name: rng.random(ROWS).tolist() for name in names}

    key = {"arch_index": list(range(ROWS))}
    edges = {f"e_{i}_{j}": [0, 1, 2, 3, 4, 3] for j in range(1, 4) for i in range(j)}
    tests = [f"{name}_test_acc_200" for name in ("cifar10", "cifar100", "imagenet16")]
    pl.DataFrame(key | edges | numbers(*tests, *NASBENCH201_LATENCIES)).write_parquet(
        folder / "nasbench201.parquet"
    )
    hardware = (*HW_NASBENCH_LATENCIES, *HW_NASBENCH_ENERGIES, "eyeriss_arithmetic_intensity")
    extra = numbers("cifar10_val_acc", "params", "flops", *hardware, *ZERO_COST_SCORES)
    pl.DataFrame(key | extra).reverse().write_parquet(folder / "nasbench201_extra.parquet")
    cells = {"adj_upper21": [1, 1 | 1 << 6], "n_vertices": [2, 3]}
    cells |= {"op1": [-1, 2]} | {f"op{vertex}": [-1, -1] for vertex in range(2, 6)}
    accuracies = {f"val_acc_{epochs}": [0.1, 0.2] for epochs in (4, 12, 36, 108)}
    others = {"params": [3, 4], "train_time_s": [5.0, 6.0]}
    pl.DataFrame(cells | accuracies | others).write_parquet(folder / "nasbench101_30k.parquet")
    arch = {"arch": ["02012100"] * ROWS}
    macro = numbers("mean_acc", "test_acc_0", "test_acc_1", "test_acc_2", "params", "flops")
    pl.DataFrame(arch | macro).write_parquet(folder / "nasbench_macro.parquet")


def test_columns_of_the_two_files_of_nasbench201_meet(tmp_path: Path) -> None:
    made_up(tmp_path)
    table = nasbench201(tmp_path)
    one, two = (
        pl.read_parquet(tmp_path / f"{name}.parquet")
        for name in ("nasbench201", "nasbench201_extra")
    )
    assert table.column("lat_fpga").tolist() == one["lat_fpga"].to_list()
    assert table.column("fpga_latency").tolist() == two["fpga_latency"].reverse().to_list()
    assert len(NASBENCH201_LATENCIES) == 27
    assert (len(HW_NASBENCH_LATENCIES), len(HW_NASBENCH_ENERGIES)) == (6, 3)


def test_cells_of_nasbench101_keep_their_operations(tmp_path: Path) -> None:
    made_up(tmp_path)
    table = nasbench101(tmp_path)
    first, second = (table.population.architecture(row) for row in range(2))
    assert [node.kind for node in first.nodes] == ["input", "output"]
    assert [node.values for node in second.nodes] == [{}, {"op": "max_pool3x3"}, {}]
    assert list(table.metrics) == ["val_acc_108"]
    assert list(table.fidelities) == ["val_acc_4", "val_acc_12", "val_acc_36"]


@pytest.mark.parametrize("load", [nasbench201, nasbench101, nasbench_macro])
def test_a_folder_without_the_table(load: Callable[[Path], EvaluatedTable], tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"nasbench.*\.parquet: no such file"):
        load(tmp_path)


def test_a_value_that_no_cell_has_is_named(tmp_path: Path) -> None:
    made_up(tmp_path)
    for name, column, value, message in (
        (
            "nasbench201",
            "e_1_3",
            5,
            r"row 1: column 'e_1_3' is 5; slot '1->3' expects .*0 \(none\)",
        ),
        ("nasbench101_30k", "op1", 3, "expected operations from -1 to 2"),
        ("nasbench_macro", "arch", "0201210", "network 0: '0201210'; expected 8 digits"),
    ):
        path = tmp_path / f"{name}.parquet"
        pl.read_parquet(path).with_columns(pl.lit(value).alias(column)).write_parquet(path)
        load = {"nasbench201": nasbench201, "nasbench101_30k": nasbench101}.get(
            name, nasbench_macro
        )
        with pytest.raises(DatasetError, match=rf"{name}\.parquet.*{message}"):
            load(tmp_path)


def test_nasbench201_as_published(real_tables: Path) -> None:
    table = nasbench201(real_tables)
    assert len(table) == 15_625
    best = [
        table.column(f"{name}_test_acc_200").max() for name in ("cifar10", "cifar100", "imagenet16")
    ]
    assert best == pytest.approx([94.3733, 73.5133, 47.3111], abs=1e-4)
    assert not any(np.isnan(values).any() for values in table.metrics.values())
    scored = table.measured("synflow")
    assert len(scored) == 9_445
    assert len(scored.measured(*ZERO_COST_SCORES, "params", "flops")) == 9_445
    # What a cell computes fixes its parameters and operations: a wrong column would show here.
    merged = table.merge_duplicates()
    assert (merged.differing["params"], merged.differing["flops"]) == (0, 0)
    assert merged.differing["cifar10_val_acc"] > 1000
    assert len(merged.table) < 6_466


def test_nasbench201_rows_are_the_cells_of_their_strings(real_tables: Path) -> None:
    space = NASBench201Space("whole")
    strings = pl.read_parquet(real_tables / "nasbench201.parquet")["arch_str"].to_list()
    expected = space.decode_many(space.from_strings(strings))
    found = nasbench201(real_tables, space).population
    assert found.fingerprint().tolist() == expected.fingerprint().tolist()


def test_the_guide_shows_how_nasbench201_is_read(
    real_tables: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "tables.md").read_text()
    shown = next(part for part in guide.split("```python\n") if "SlotColumn" in part)
    monkeypatch.chdir(real_tables)
    scope: dict[str, EvaluatedTable] = {}
    exec(compile(shown.split("```")[0], "tables.md", "exec"), scope)
    found, whole = scope["table"], nasbench201(real_tables)
    assert found.population.fingerprint().tolist() == whole.population.fingerprint().tolist()
    assert found.column("latency_ms").tolist() == whole.column("raspi4_latency").tolist()


def test_nasbench101_is_all_different(real_tables: Path) -> None:
    table = nasbench101(real_tables)
    frame = pl.read_parquet(real_tables / "nasbench101_30k.parquet")
    assert len(table) == len(table.merge_duplicates().table) == 30_001
    np.testing.assert_array_equal(table.population.present.sum(axis=1), frame["n_vertices"])
    bits = frame["adj_upper21"].to_numpy()[:, None] >> np.arange(21) & 1
    np.testing.assert_array_equal((table.population.edges > 0).sum(axis=(1, 2)), bits.sum(axis=1))


def test_nasbench_macro_rows_of_one_network_agree(real_tables: Path) -> None:
    table = nasbench_macro(real_tables)
    merged = table.merge_duplicates()
    assert (len(table), len(merged.table)) == (6_561, 3_969)
    assert not any(merged.differing.values())
