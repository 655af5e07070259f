from collections.abc import Callable, Iterator, Mapping, Sequence

import pytest
import torch
from torch import Tensor

from dagsmith.data import Dataset, SparseField, prepare_synthetic
from dagsmith.space import NASRecSpace, Node, nasrec_full
from dagsmith.supernet import Supernet
from dagsmith.supernet.operators import OPERATORS, Source

Rows = tuple[Tensor, Tensor, Tensor]
Run = Callable[..., tuple[Tensor, dict[str, Tensor]]]


@pytest.fixture(autouse=True)
def _single_thread_and_seed() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return prepare_synthetic(tmp_path_factory.mktemp("synthetic") / "data", rows=2000)


@pytest.fixture(scope="session")
def small_space(dataset: Dataset) -> NASRecSpace:
    """All operators over the synthetic click log, with three small blocks."""
    dense, fields = dataset.train.dense.shape[1], len(dataset.fields)
    return nasrec_full(dense, fields, blocks=3, widths=(8, 16), rows=(4, 8))


@pytest.fixture(scope="session")
def fields() -> tuple[SparseField, ...]:
    """Four fields; the second has up to three values."""
    return (
        SparseField("user", 11, slice(0, 1), False),
        SparseField("tags", 6, slice(1, 4), True),
        SparseField("city", 3, slice(4, 5), False),
        SparseField("item", 17, slice(5, 6), False),
    )


@pytest.fixture(scope="session")
def draw_rows() -> Callable[[Sequence[SparseField], int, int], Rows]:
    """Random dense inputs, ids and labels for some fields."""

    def draw(fields: Sequence[SparseField], dense_width: int, count: int) -> Rows:
        generator = torch.Generator().manual_seed(5)
        ids = torch.cat(
            [
                torch.randint(
                    field.cardinality,
                    (count, field.columns.stop - field.columns.start),
                    generator=generator,
                )
                for field in fields
            ],
            dim=1,
        )
        label = (torch.rand(count, generator=generator) < 0.4).float()
        return torch.randn(count, dense_width, generator=generator), ids, label

    return draw


@pytest.fixture(scope="session")
def shake() -> Callable[[Supernet], Supernet]:
    """Give all weights random values: constant biases and norms would hide mistakes."""

    def shaken(supernet: Supernet) -> Supernet:
        generator = torch.Generator().manual_seed(9)
        for tensor in supernet.bank.tensors.values():
            tensor += 0.3 * torch.randn(tensor.shape, generator=generator)
        return supernet

    return shaken


@pytest.fixture(scope="session")
def run() -> Run:
    """Run one operator on tensors by port, with random weights; give its output and weights."""

    def apply(
        node: Node, inputs: Mapping[str, Sequence[Tensor]], seed: int = 0
    ) -> tuple[Tensor, dict[str, Tensor]]:
        sources = {
            port: [
                Source(f"{port}{i}", t.shape[-1], t.shape[1] if t.dim() == 3 else 0)
                for i, t in enumerate(tensors)
            ]
            for port, tensors in inputs.items()
        }
        operator = OPERATORS[str(node["operator"])]
        generator = torch.Generator().manual_seed(seed)
        weights = {
            name: 0.4 * torch.randn(weight.shape, generator=generator)
            for name, weight in operator.weights(node, sources).items()
        }
        output = operator.forward(node, sources, inputs, weights)
        size = operator.output(node, sources)
        expected = (size.dim, size.size) if size.dim else (size.size,)
        assert output.shape[1:] == expected, f"{node} gives {output.shape}, promised {expected}"
        return output, weights

    return apply
