"""The public tables: which columns of their parquet files are what.

The files are not part of this project; their folder is given by the caller. Columns keep the
names that they have in the files.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dagsmith.data.column_mapping import GenotypeColumns, SlotColumn, TableMapping
from dagsmith.data.table_files import load_table
from dagsmith.data.tables import EvaluatedTable
from dagsmith.space import Genotypes, NASBench101Space, NASBench201Space, NASBenchMacroSpace
from dagsmith.space.nasbench201 import EDGES, OPERATIONS

NASBENCH201_LATENCIES = (
    *("lat_1080ti_1", "lat_1080ti_256", "lat_1080ti_32", "lat_2080ti_1", "lat_2080ti_256"),
    *("lat_2080ti_32", "lat_essential_ph_1", "lat_eyeriss", "lat_fpga", "lat_gold_6226"),
    *("lat_gold_6240", "lat_pixel2", "lat_pixel3", "lat_raspi4", "lat_samsung_a50"),
    *("lat_samsung_s7", "lat_silver_4114", "lat_silver_4210r", "lat_titan_rtx_1"),
    *("lat_titan_rtx_256", "lat_titan_rtx_32", "lat_titanx_1", "lat_titanx_256", "lat_titanx_32"),
    *("lat_titanxp_1", "lat_titanxp_256", "lat_titanxp_32"),
)
"""Latency of NAS-Bench-201's cells on 27 devices, in ms."""
HW_NASBENCH_LATENCIES = (
    *("edgegpu_latency", "raspi4_latency", "edgetpu_latency"),
    *("pixel3_latency", "eyeriss_latency", "fpga_latency"),
)
"""Latency of NAS-Bench-201's cells on the six devices of HW-NAS-Bench, in ms."""
HW_NASBENCH_ENERGIES = ("edgegpu_energy", "eyeriss_energy", "fpga_energy")
"""Energy of NAS-Bench-201's cells on those devices of HW-NAS-Bench that report it."""
ZERO_COST_SCORES = (
    *("epe_nas", "fisher", "grad_norm", "grasp", "jacov", "l2_norm"),
    *("nwot", "plain", "snip", "synflow", "zen"),
)
"""Scores of NAS-Bench-201's cells without training."""
NASBENCH101_EPOCHS = (4, 12, 36, 108)
"""Epochs after which the cells of NAS-Bench-101 were evaluated: ``val_acc_4``, ..."""

_INNER = tuple(f"op{vertex}" for vertex in range(1, 6))


def nasbench201(folder: str | Path, space: NASBench201Space | None = None) -> EvaluatedTable:
    """All 15,625 cells of NAS-Bench-201, some of them alike.

    Metrics: accuracy in percent, of validation on CIFAR-10 and of test after 200 epochs on
    CIFAR-10, CIFAR-100 and ImageNet16-120. Costs: latency on ``NASBENCH201_LATENCIES``, the nine
    columns of HW-NAS-Bench with the arithmetic intensity on Eyeriss, ``params`` and ``flops`` (both
    in millions). Fidelities: ``ZERO_COST_SCORES``. These, ``params`` and ``flops`` are known for
    the 9,445 cells that the collection of scores counts as live and different.

    Sources: Dong and Yang, ICLR 2020, arXiv 2001.00326; HW-NAS-Bench: Li et al., ICLR 2021,
    arXiv 2103.10584.

    Args:
        folder: Where ``nasbench201.parquet`` and ``nasbench201_extra.parquet`` are.
        space: How a cell becomes a graph. Latency and energy depend on the dead parts of a cell,
            too: ``NASBench201Space("whole")`` keeps them.

    Raises:
        DatasetError: If a file or column is missing or damaged.
    """
    codes = dict(enumerate(OPERATIONS))
    mapping = TableMapping(
        metrics=(
            *("cifar10_val_acc", "cifar10_test_acc_200"),
            *("cifar100_test_acc_200", "imagenet16_test_acc_200"),
        ),
        costs=(
            *("params", "flops", "eyeriss_arithmetic_intensity"),
            *(*HW_NASBENCH_LATENCIES, *HW_NASBENCH_ENERGIES, *NASBENCH201_LATENCIES),
        ),
        fidelities=ZERO_COST_SCORES,
        slots={f"{i}->{j}": SlotColumn(f"e_{i}_{j}", codes) for i, j in EDGES},
        key="arch_index",
    )
    names = ("nasbench201.parquet", "nasbench201_extra.parquet")
    files = [Path(folder) / name for name in names]
    return load_table(files, space or NASBench201Space(), mapping)


def nasbench101(folder: str | Path) -> EvaluatedTable:
    """A random sample of 30,001 of the 423,624 cells of NAS-Bench-101, all different.

    Metrics: ``val_acc_108``, the validation accuracy (0 to 1) after 108 epochs of one run. Costs:
    parameters and training time in seconds. Fidelities: the accuracies after 4, 12, 36 epochs.

    Source: Ying et al., ICML 2019, arXiv 1902.09635.

    Args:
        folder: Where ``nasbench101_30k.parquet`` is.

    Raises:
        DatasetError: If the file or a column is missing or damaged.
    """
    space = NASBench101Space()

    def genotypes(columns: Mapping[str, NDArray[Any]]) -> Genotypes:
        operations = np.stack([columns[name] for name in _INNER], axis=1)
        return space.genotypes_from(columns["adj_upper21"], operations)

    *fewer, most = (f"val_acc_{epochs}" for epochs in NASBENCH101_EPOCHS)
    mapping = TableMapping(
        metrics=(most,),
        costs=("params", "train_time_s"),
        fidelities=fewer,
        slots=GenotypeColumns(("adj_upper21", *_INNER), genotypes),
    )
    return load_table(Path(folder) / "nasbench101_30k.parquet", space, mapping)


def nasbench_macro(folder: str | Path) -> EvaluatedTable:
    """All 6,561 networks of NAS-Bench-Macro, some of them alike.

    Metrics: test accuracy on CIFAR-10 in percent, of three seeds and their mean. Costs: parameters
    and multiply-adds (``flops``).

    Source: Su et al., CVPR 2021, arXiv 2103.11922.

    Args:
        folder: Where ``nasbench_macro.parquet`` is.

    Raises:
        DatasetError: If the file or a column is missing or damaged.
    """
    space = NASBenchMacroSpace()
    mapping = TableMapping(
        metrics=("mean_acc", "test_acc_0", "test_acc_1", "test_acc_2"),
        costs=("params", "flops"),
        slots=GenotypeColumns(
            ("arch",), lambda columns: space.from_strings(columns["arch"].tolist())
        ),
    )
    return load_table(Path(folder) / "nasbench_macro.parquet", space, mapping)
