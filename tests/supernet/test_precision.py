from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from dagsmith.data import SparseField
from dagsmith.space import SpaceError, nasrec_full
from dagsmith.supernet import PathSampler, Supernet, pick_precision
from dagsmith.supernet.precision import computing

CPU = torch.device("cpu")
Rows = tuple[Tensor, Tensor, Tensor]


def test_bfloat16_gives_float32_logits_near_those_of_float32(
    fields: tuple[SparseField, ...],
    draw_rows: Callable[[Sequence[SparseField], int, int], Rows],
) -> None:
    space = nasrec_full(6, 4, blocks=3, widths=(8, 16), rows=(4, 8))
    supernet = Supernet(space, fields, seed=2)
    dense, ids, _ = draw_rows(fields, 6, 64)
    differs = 0
    for step in range(6):
        plan = supernet.plan(PathSampler(space, "full-path").draw(step))
        leaves = supernet.bank.slices(plan)
        outputs = []
        for precision in ("float32", "bfloat16"):
            with computing(precision, CPU):
                outputs.append(supernet.forward(plan, leaves, dense, ids))
        full, half = outputs
        assert half.dtype == torch.float32
        differs += int((full != half).any())
        assert float((full - half).detach().abs().mean()) < 0.1 * float(full.detach().std())
        half.sum().backward()
        assert all(
            leaf.grad is None or leaf.grad.dtype == torch.float32 for leaf in leaves.values()
        )
    assert differs, "bfloat16 changed nothing, so it was not used"


def test_float32_is_untouched() -> None:
    left, right = torch.randn(8, 8), torch.randn(8, 8)
    with computing("float32", CPU):
        assert torch.equal(left @ right, torch.mm(left, right))
        assert (left @ right).dtype == torch.float32


def test_names_are_taken_as_they_are() -> None:
    assert pick_precision("float32", CPU) == "float32"
    assert pick_precision("bfloat16", CPU) == "bfloat16"


@pytest.mark.parametrize(("native", "expected"), [(True, "bfloat16"), (False, "float32")])
def test_auto_asks_the_hardware(
    monkeypatch: pytest.MonkeyPatch, native: bool, expected: str
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native)
    assert pick_precision("auto", CPU) == expected


def test_an_unknown_precision_is_told_the_nearest() -> None:
    with pytest.raises(SpaceError, match="'bfloat'; did you mean 'bfloat16'"):
        pick_precision("bfloat", CPU)
