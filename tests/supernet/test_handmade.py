"""Hand-made models of ctr-plus against their definitions, written out with modules of torch.

The definitions lay their features out field by field, and FinalMLP's heads are stretches of units;
the networks here do otherwise (`Flat`, `Fusion`), so that weights are copied through a permutation.
"""

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn

from dagsmith.data import SparseField
from dagsmith.space import NAMED, named_architecture
from dagsmith.supernet import Network

Rows = tuple[Tensor, Tensor, Tensor]
DrawRows = Callable[[Sequence[SparseField], int, int], Rows]

DIM, WIDE, FIELDS = 6, 3, 4
FLAT = WIDE + DIM * FIELDS
ORDER = torch.tensor(
    [*range(WIDE), *(WIDE + d * FIELDS + f for f in range(FIELDS) for d in range(DIM))]
)
"""Our place of each number of ``[x, e_1, e_2, ...]``."""
NAMES = ["lr", "fm", "dnn", "deepfm", "dcnv2", "dlrm", "autoint", "xdeepfm", "finalmlp", "masknet"]


@pytest.fixture
def rows(fields: tuple[SparseField, ...], draw_rows: DrawRows) -> Rows:
    return draw_rows(fields, WIDE, 24)


def build(name: str, fields: tuple[SparseField, ...], dropout: float = 0.0) -> Network:
    hidden = (10,) if name == "finalmlp" else (7, 9, 5)
    architecture = named_architecture(
        name, WIDE, FIELDS, embedding_dim=DIM, dropout=dropout, hidden=hidden
    )
    network = Network(architecture, fields, seed=1, std=0.5)
    for weight in network.weights.values():
        weight.data += 0.3 * torch.randn(weight.shape)
    return network


def weight(network: Network, name: str) -> Tensor:
    found: Tensor = network.weights[name].detach()
    return found


def linear(network: Network, name: str, source: str, order: Tensor | None = None) -> nn.Linear:
    """One of our linear maps as a module that reads the definition's order."""
    matrix, bias = weight(network, f"{name}/from/{source}"), weight(network, f"{name}/bias")
    matrix = matrix if order is None else matrix[:, order]
    made = nn.Linear(matrix.shape[1], matrix.shape[0])
    made.weight.data.copy_(matrix)
    made.bias.data.copy_(bias)
    return made


def tower(network: Network, name: str, first: nn.Linear, norm: str, depth: int) -> nn.Sequential:
    """Linear, norm, ReLU; once per layer."""
    modules: list[nn.Module] = []
    for layer in range(1, depth + 1):
        at = f"{name}/{layer}/layer"
        modules.append(first if layer == 1 else linear(network, f"{at}/linear", name))
        if norm == "batch":
            size = len(weight(network, f"{at}/linear/bias"))
            batch_norm = nn.BatchNorm1d(size)
            batch_norm.weight.data.copy_(weight(network, f"{at}/batch_norm/scale"))
            batch_norm.bias.data.copy_(weight(network, f"{at}/batch_norm/shift"))
            modules.append(batch_norm)
        modules.append(nn.ReLU())
    return nn.Sequential(*modules)


def deep(network: Network, flat: Tensor, order: Tensor = ORDER, source: str = "flat") -> Tensor:
    """The logit of a batch-normalised tower over the features."""
    first = linear(network, "left/1/layer/linear", source, order)
    return topped(network, tower(network, "left", first, "batch", 3)(flat))


def topped(network: Network, hidden: Tensor, side: str = "left") -> Tensor:
    """The logit of a tower's last layer."""
    return hidden @ weight(network, f"head/dense/{side}")


class Inputs:
    """What the definitions start from."""

    def __init__(self, network: Network, rows: Rows) -> None:
        self.network = network
        self.x, ids, _ = rows
        assert network.embedding is not None
        table = network.embedding(ids).detach()
        self.first = table[:, : network.embedding.first]
        self.e = table[:, network.embedding.first :].transpose(1, 2)
        self.flat = torch.cat([self.x, self.e.flatten(1)], dim=1)
        self.bias = weight(network, "head/bias")

    def linear_part(self) -> Tensor:
        first: Tensor = self.first.sum((1, 2))
        return first + topped(self.network, self.x, "input")

    def fm_part(self) -> Tensor:
        total = torch.zeros(len(self.x))
        for i in range(FIELDS):
            for j in range(i):
                total = total + (self.e[:, i] * self.e[:, j]).sum(1)
        return total


def define_lr(network: Network, rows: Rows) -> Tensor:
    given = Inputs(network, rows)
    return given.bias + given.linear_part()


def define_fm(network: Network, rows: Rows) -> Tensor:
    given = Inputs(network, rows)
    return given.bias + given.linear_part() + given.fm_part()


def define_dnn(network: Network, rows: Rows) -> Tensor:
    given = Inputs(network, rows)
    return given.bias + deep(network, given.flat)


def define_deepfm(network: Network, rows: Rows) -> Tensor:
    given = Inputs(network, rows)
    return given.bias + given.linear_part() + given.fm_part() + deep(network, given.flat)


def define_dcnv2(network: Network, rows: Rows) -> Tensor:
    given = Inputs(network, rows)
    crossed = given.flat
    for layer in (1, 2, 3):
        full = linear(network, f"cross/{layer}/cross/full", "crossed", ORDER)
        full.weight.data = full.weight.data[ORDER]
        full.bias.data = full.bias.data[ORDER]
        crossed = given.flat * full(crossed) + crossed
    head = weight(network, "head/dense/cross")[ORDER]
    return given.bias + crossed @ head + deep(network, given.flat)


def define_dlrm(network: Network, rows: Rows) -> Tensor:
    given = Inputs(network, rows)
    first = linear(network, "bottom/1/layer/linear", "input")
    bottom = tower(network, "bottom", first, "none", 2)(given.x)
    vectors = [*given.e.unbind(1), bottom]
    pairs = torch.stack(
        [(vectors[i] * vectors[j]).sum(1) for i in range(len(vectors)) for j in range(i)], dim=1
    )
    at = "left/1/layer/linear"
    first = nn.Linear(DIM + pairs.shape[1], 7)
    matrices = [weight(network, f"{at}/from/{source}") for source in ("bottom", "pairs")]
    first.weight.data.copy_(torch.cat(matrices, dim=1))
    first.bias.data.copy_(weight(network, f"{at}/bias"))
    hidden = tower(network, "left", first, "none", 3)(torch.cat([bottom, pairs], dim=1))
    return given.bias + topped(network, hidden)


def define_autoint(network: Network, rows: Rows) -> Tensor:
    given = Inputs(network, rows)
    tokens = given.e
    for layer in (1, 2, 3):
        parts = {
            part: weight(network, f"attention/{layer}/field_attention/{part}")
            for part in ("query", "key", "value", "residual")
        }
        heads = []
        for each in range(2):
            q, k, v = (tokens @ parts[part][:, each].T for part in ("query", "key", "value"))
            heads.append(torch.softmax(q @ k.transpose(1, 2), dim=2) @ v)
        residual = [tokens @ parts["residual"][:, each].T for each in range(2)]
        # Heads innermost, as the next layer's weights and the head's expect them.
        out = torch.stack(heads, dim=3) + torch.stack(residual, dim=3)
        tokens = torch.relu(out).flatten(2)
    logit: Tensor = (tokens * weight(network, "head/sparse/attention").T).sum((1, 2))
    return given.bias + logit


def define_xdeepfm(network: Network, rows: Rows) -> Tensor:
    given = Inputs(network, rows)
    below, logit = given.e, given.bias + given.linear_part() + deep(network, given.flat)
    for layer in (1, 2, 3):
        matrix = weight(network, f"cin{layer}/cin/matrix")
        bias = weight(network, f"cin{layer}/cin/bias")
        maps = []
        for h in range(len(matrix)):
            total = torch.zeros(len(below), DIM) + bias[h]
            for i in range(below.shape[1]):
                for j in range(FIELDS):
                    total = total + matrix[h, i, j] * below[:, i] * given.e[:, j]
            maps.append(total)
        below = torch.stack(maps, dim=1)
        logit = logit + below.sum(2) @ weight(network, f"head/pooled/cin{layer}")
    return logit


def define_finalmlp(network: Network, rows: Rows) -> Tensor:
    given = Inputs(network, rows)
    streams = []
    for side, context in (("left", given.e[:, 0]), ("right", given.e[:, 1])):
        source = "field1" if side == "left" else "field2"
        hidden = linear(network, f"{side}/gate/field_gate/hidden", source)
        gate = linear(network, f"{side}/gate/field_gate/gate", "hidden")
        opening = 2 * torch.sigmoid(gate(torch.relu(hidden(context)))[:, ORDER])
        first = linear(network, f"{side}/1/layer/linear", "flat", ORDER)
        streams.append(tower(network, side, first, "batch", 1)(given.flat * opening))
    left, right = streams
    logit = given.bias + topped(network, left) + topped(network, right, "right")
    matrix = weight(network, "fusion/fusion/heads5")
    for head in range(5):
        # Head h of the definition is a stretch of units that are h, h + 5, ... here.
        x, y = left[:, head::5], right[:, head::5]
        logit = logit + torch.stack([a @ matrix[head] @ b for a, b in zip(x, y, strict=True)])
    return logit


def define_masknet(network: Network, rows: Rows) -> Tensor:
    given = Inputs(network, rows)
    scale, shift = (weight(network, f"field_norm/field_norm/norm/{p}") for p in ("scale", "shift"))
    normed = []
    for field in range(FIELDS):
        norm = nn.LayerNorm(DIM)
        norm.weight.data.copy_(scale[:, field])
        norm.bias.data.copy_(shift[:, field])
        normed.append(norm(given.e[:, field]))
    masked = torch.cat([given.x, *normed], dim=1)
    blocks = []
    for number in (1, 2, 3):
        at = f"mask{number}/mask_block"
        hidden = linear(network, f"{at}/hidden", "flat", ORDER)
        aggregate = linear(network, f"{at}/mask/of/normed", "hidden")
        mask = aggregate(torch.relu(hidden(given.flat)))[:, ORDER]
        out = linear(network, f"{at}/linear", "normed", ORDER)
        norm = nn.LayerNorm(128)
        norm.weight.data.copy_(weight(network, f"{at}/norm/scale"))
        norm.bias.data.copy_(weight(network, f"{at}/norm/shift"))
        blocks.append(torch.relu(norm(out(masked * mask))))
    at = "left/1/layer/linear"
    first = nn.Linear(3 * 128, 7)
    matrices = [weight(network, f"{at}/from/mask{number}") for number in (1, 2, 3)]
    first.weight.data.copy_(torch.cat(matrices, dim=1))
    first.bias.data.copy_(weight(network, f"{at}/bias"))
    hidden = tower(network, "left", first, "batch", 3)(torch.cat(blocks, dim=1))
    return given.bias + topped(network, hidden)


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_the_model_is_its_definition(
    name: str, fields: tuple[SparseField, ...], rows: Rows
) -> None:
    network = build(name, fields)
    expected = globals()[f"define_{name}"](network, rows)
    found = network.train()(rows[0], rows[1])
    assert float(found.std()) > 1e-2
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_every_hand_made_model_has_a_definition() -> None:
    assert [name for name in NAMED if not name.startswith("nasrec-")] == NAMES


@torch.no_grad()
def test_a_tower_is_served_with_running_statistics(
    fields: tuple[SparseField, ...], rows: Rows
) -> None:
    network = build("dnn", fields)
    given = Inputs(network, rows)
    first = linear(network, "left/1/layer/linear", "flat", ORDER)
    reference = tower(network, "left", first, "batch", 3)
    for part in (slice(0, 10), slice(10, 24), slice(4, 5), slice(5, 20)):
        network.train()(rows[0][part], rows[1][part])
        # One row, as the last batch of an epoch may be, changes no statistics.
        reference.train(part != slice(4, 5))(given.flat[part])
    expected = reference.eval()(given.flat) @ weight(network, "head/dense/left") + given.bias
    torch.testing.assert_close(network.eval()(rows[0], rows[1]), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_every_weight_is_used(name: str, fields: tuple[SparseField, ...], rows: Rows) -> None:
    network = build(name, fields)
    network(rows[0], rows[1]).sum().backward()
    unused = [key for key, part in network.weights.items() if part.grad is None]
    assert not unused


@pytest.mark.parametrize("name", ["dnn", "dlrm", "finalmlp"])
def test_dropout_is_for_training_only(
    name: str, fields: tuple[SparseField, ...], rows: Rows
) -> None:
    network = build(name, fields, dropout=0.4)
    dense, ids, _ = rows
    assert not torch.equal(network(dense, ids), network(dense, ids))
    network.eval()
    assert torch.equal(network(dense, ids), network(dense, ids))


def test_layers_are_counted_and_the_table_is_not(fields: tuple[SparseField, ...]) -> None:
    layers = (FLAT + 1) * 7 + 2 * 7 + (7 + 1) * 9 + 2 * 9 + (9 + 1) * 5 + 2 * 5
    assert build("dnn", fields).parameter_count() == layers + 5 + 1
    cross = 3 * (FLAT + 1) * FLAT
    assert build("dcnv2", fields).parameter_count() == layers + cross + FLAT + 5 + 1
