from dataclasses import replace

import pytest
import torch

from dagsmith.data import Dataset
from dagsmith.space import named_architecture
from dagsmith.supernet import RECIPES, Network
from dagsmith.supernet.warm_start import principal, warm_start


def test_the_turned_table_means_the_same_and_begins_with_what_is_large() -> None:
    table = torch.randn(40, 6, generator=torch.Generator().manual_seed(0)) * torch.arange(1, 7)
    turned = principal(table)
    torch.testing.assert_close(turned @ turned.T, table @ table.T, rtol=1e-4, atol=1e-4)
    sizes = turned.square().sum(0)
    assert sizes.tolist() == sorted(sizes.tolist(), reverse=True)
    # No projection on three dimensions keeps more.
    best = torch.linalg.svdvals(table)[:3].square().sum()
    torch.testing.assert_close(sizes[:3].sum(), best, rtol=1e-4, atol=1e-4)


def test_the_turn_leaves_narrow_fields_narrow() -> None:
    table = torch.randn(40, 6, generator=torch.Generator().manual_seed(0)) * torch.arange(1, 7)
    table[:10, 3:] = 0.0
    table[10:20, 5:] = 0.0
    before = table.clone()
    turned = principal(table, (3, 5, 6))
    assert torch.equal(table, before)
    assert torch.equal(turned == 0, table == 0)
    torch.testing.assert_close(turned @ turned.T, table @ table.T, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(turned[:, :3], principal(table[:, :3]))


@pytest.mark.parametrize("dim", [4, 8, 12])
def test_a_candidate_of_any_dimension_begins_with_the_table(dataset: Dataset, dim: int) -> None:
    dense, fields = len(dataset.dense_features), len(dataset.fields)
    net = named_architecture("fm", dense, fields, embedding_dim=dim)
    network = Network(net, dataset.fields, seed=0)
    assert network.embedding is not None
    assert network.embedding.first == 1
    before = network.embedding.weight.detach().clone()
    table = torch.randn(len(before), 8)
    warm_start(network, table)
    after = network.embedding.weight.detach()
    torch.testing.assert_close(after[:, 1 : 1 + min(dim, 8)], table[:, :dim])
    torch.testing.assert_close(after[:, 0], before[:, 0])
    torch.testing.assert_close(after[:, 9:], before[:, 9:])
    with pytest.raises(ValueError, match="a table of 3 rows; the model has"):
        warm_start(network, table[:3])


def test_narrow_fields_stay_narrow(dataset: Dataset) -> None:
    recipe = replace(RECIPES["default"], width_factor=6.0)
    net = named_architecture("fm", 0, len(dataset.fields), embedding_dim=16)
    network = Network.untrained(net, dataset.fields, recipe)
    assert network.embedding is not None
    unused = network.embedding.weight.detach() == 0
    assert unused.any()
    warm_start(network, torch.ones(len(unused), 16))
    assert torch.equal(network.embedding.weight.detach() == 0, unused)
