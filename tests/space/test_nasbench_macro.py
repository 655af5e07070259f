from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dagsmith.space import Architecture, NASBenchMacroSpace, SearchSpace, SpaceError
from dagsmith.space.testing import SearchSpaceTests


class TestMacro(SearchSpaceTests):
    def space(self) -> SearchSpace:
        return NASBenchMacroSpace()


def parameters(net: Architecture) -> int:
    """Weights of convolutions and batch normalisations between the stem and the last layers."""
    total, before = 0, 32
    for node in net.nodes:
        if node.kind != "layer":
            continue
        width = int(node["channels"])
        if node["op"] == "identity":
            total += before * width + 2 * width
        else:
            expansion, kernel = {"mb3_k3": (3, 3), "mb6_k5": (6, 5)}[str(node["op"])]
            inner = expansion * before
            total += inner * (before + kernel**2 + width + 4) + 2 * width
        before = width
    return total


@pytest.fixture(scope="module")
def everything() -> tuple[list[str], list[Architecture]]:
    space = NASBenchMacroSpace()
    genotypes = np.indices([3] * 8).reshape(8, -1).T.astype(np.int16)
    return (
        [space.to_string(genotype) for genotype in genotypes],
        [space.decode(genotype) for genotype in genotypes],
    )


def test_networks_are_chains(everything: tuple[list[str], list[Architecture]]) -> None:
    for net in everything[1]:
        assert [(edge.source, edge.target) for edge in net.edges] == [
            (index, index + 1) for index in range(len(net.nodes) - 1)
        ]
        assert sum(node.values.get("reduces") is True for node in net.nodes) == 3


def test_identities_that_do_nothing_have_no_place(
    everything: tuple[list[str], list[Architecture]],
) -> None:
    meant = {name: net.key for name, net in zip(*everything, strict=True)}
    assert meant["00010000"] == meant["00001000"] != meant["00000000"]
    assert meant["10000000"] != meant["01000000"]
    # Within a stage the order of what is left counts: of layers 2; 4, 5; 7, 8.
    assert meant["00012000"] != meant["00021000"]
    assert len(set(meant.values())) == 3_969 == (3 * 3) * (3 * 7) * (3 * 7)


def test_strings_round_trip(everything: tuple[list[str], list[Architecture]]) -> None:
    space = NASBenchMacroSpace()
    rows = space.from_strings(everything[0])
    assert len(np.unique(rows, axis=0)) == space.size() == 6_561
    assert [space.to_string(row) for row in rows] == everything[0]
    assert space.from_strings([]).shape == (0, 8)


@pytest.mark.parametrize(
    "network", ["", "0201210", "020121000", "02012103", "0201 100", "0\u0966012100"]
)
def test_strings_that_are_no_network_are_refused(network: str) -> None:
    with pytest.raises(SpaceError, match=r"network 0: .*expected 8 digits"):
        NASBenchMacroSpace().from_string(network)
    with pytest.raises(SpaceError, match="network 1: "):
        NASBenchMacroSpace().from_strings(["02012100", network])


def test_the_published_table(
    real_tables: Path, everything: tuple[list[str], list[Architecture]]
) -> None:
    table = pl.read_parquet(real_tables / "nasbench_macro.parquet")
    assert sorted(table["arch"].to_list()) == sorted(everything[0])
    # The stem and the last layers take the same in every network: one number explains it all.
    meant = dict(zip(*everything, strict=True))
    rest = {row["params"] - parameters(meant[row["arch"]]) for row in table.iter_rows(named=True)}
    assert len(rest) == 1
    # Networks that are one here were evaluated once.
    same = table.with_columns(key=pl.Series([meant[name].key for name in table["arch"]]))
    each = same.group_by("key").agg(pl.n_unique("params", "flops", "mean_acc", "test_acc_0"))
    assert each.drop("key").max().row(0) == (1, 1, 1, 1)
