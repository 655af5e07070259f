import torch

from dagsmith.supernet.bank import WeightBank
from dagsmith.supernet.operators import Weight
from dagsmith.supernet.sliced_adam import SlicedAdam

CPU = torch.device("cpu")


def test_whole_weights_step_as_torch_adam_does() -> None:
    bank = WeightBank({"w": Weight((5, 4), (4, 5)), "b": Weight((5,))}, 0, CPU)
    reference = {name: tensor.clone().requires_grad_() for name, tensor in bank.tensors.items()}
    theirs = torch.optim.Adam(reference.values(), lr=0.01)
    ours = SlicedAdam(bank)
    generator = torch.Generator().manual_seed(1)
    for _ in range(7):
        leaves = {name: tensor.detach().requires_grad_() for name, tensor in bank.tensors.items()}
        for name, leaf in leaves.items():
            leaf.grad = torch.randn(leaf.shape, generator=generator)
            reference[name].grad = leaf.grad.clone()
        ours.step(leaves, 0.01)
        theirs.step()
    for name, tensor in bank.tensors.items():
        torch.testing.assert_close(tensor, reference[name].detach())


def test_a_step_leaves_alone_what_is_not_in_its_slice() -> None:
    bank = WeightBank({"w": Weight((5, 4), (4, 5)), "idle": Weight((3,), (1, 3))}, 0, CPU)
    before = {name: tensor.clone() for name, tensor in bank.tensors.items()}
    optimizer = SlicedAdam(bank)
    leaf = bank.tensors["w"][:2, :3].detach().requires_grad_()
    leaf.grad = torch.ones(2, 3)
    optimizer.step({"w": leaf}, 0.1)
    changed = bank.tensors["w"] != before["w"]
    assert changed[:2, :3].all()
    assert changed.sum() == 6
    assert torch.equal(bank.tensors["idle"], before["idle"])
    assert int(optimizer.uses["w"]) == 1
    assert int(optimizer.uses["idle"]) == 0
