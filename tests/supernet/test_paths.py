import math

import pytest

from dagsmith.space import Architecture, NASRecSpace, SpaceError, nasrec_full
from dagsmith.supernet import MODES, PathSampler

SPACE = nasrec_full(6, 10, blocks=4, widths=(8, 16), rows=(4, 8))
DRAWS = 60


def draws(mode: str, **settings: int) -> list[Architecture]:
    sampler = PathSampler(SPACE, mode, **settings)  # type: ignore[arg-type]
    return [sampler.draw(step) for step in range(DRAWS)]


def operators(architecture: Architecture, kind: str) -> dict[str, set[str]]:
    """Operators of a kind by block."""
    found: dict[str, set[str]] = {}
    for node in architecture.nodes:
        if node.kind == kind:
            found.setdefault(node.name.split(".")[0], set()).add(str(node["operator"]))
    return found


def fan_in(architecture: Architecture) -> list[int]:
    """Number of inputs of every operator port, mergers and head left out."""
    counts = []
    for index, node in enumerate(architecture.nodes):
        if node.kind in ("dense_op", "sparse_op"):
            ports = [edge.port for edge in architecture.inputs(index)]
            counts += [ports.count(port) for port in set(ports)]
    return counts


def test_single_operator_takes_one_operator_a_side_and_any_connections() -> None:
    drawn = draws("single-operator")
    for architecture in drawn:
        for kind in ("dense_op", "sparse_op"):
            assert all(len(names) == 1 for names in operators(architecture, kind).values())
    counts = [count for architecture in drawn for count in fan_in(architecture)]
    assert {1, 2, 3} <= set(counts)
    assert max(counts) <= SPACE.connection_cap


def test_single_path_takes_one_connection_too() -> None:
    for architecture in draws("single-path"):
        for kind in ("dense_op", "sparse_op"):
            assert all(len(names) == 1 for names in operators(architecture, kind).values())
        assert set(fan_in(architecture)) == {1}


def test_any_path_takes_any_set_of_operators() -> None:
    sizes = set()
    for architecture in draws("any-path"):
        sizes |= {len(names) for names in operators(architecture, "dense_op").values()}
    assert sizes == {1, 2, 3, 4}


def test_full_path_takes_everything_at_the_drawn_widths() -> None:
    drawn = draws("full-path")
    for architecture in drawn:
        for kind, names in (
            ("dense_op", SPACE.dense_operators),
            ("sparse_op", SPACE.sparse_operators),
        ):
            found = operators(architecture, kind)
            assert len(found) == SPACE.blocks
            assert all(chosen == set(names) for chosen in found.values())
        for index, node in enumerate(architecture.nodes):
            if node.kind == "sparse_op":
                block = int(node.name.split(".")[0].removeprefix("block"))
                assert len(architecture.inputs(index)) == block
    widths = {node["width"] for a in drawn for node in a.nodes if node.kind == "dense_op"}
    assert widths == {8, 16}


def test_given_draws_uniformly_from_the_list() -> None:
    listed = draws("single-operator")[:3]
    sampler = PathSampler(SPACE, "given", given=listed)
    drawn = [sampler.draw(step) for step in range(300)]
    counts = [sum(a is architecture for a in drawn) for architecture in listed]
    assert sum(counts) == 300
    assert min(counts) > 60


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "given"])
def test_a_draw_depends_on_seed_and_step_alone(mode: str) -> None:
    forward = draws(mode, seed=3, warmup_steps=20)
    sampler = PathSampler(SPACE, mode, warmup_steps=20, seed=3)  # type: ignore[arg-type]
    assert [sampler.draw(step) for step in reversed(range(DRAWS))] == forward[::-1]
    assert draws(mode, seed=4, warmup_steps=20) != forward
    assert len({architecture.key for architecture in forward}) > DRAWS / 3


def test_the_full_path_fades_out_during_warm_up() -> None:
    """All connections with probability 1 - step / steps; all operators likewise, per block."""
    steps = 600
    sampler = PathSampler(SPACE, warmup_steps=steps, seed=1)
    shares = []
    for start in range(0, steps + 150, 150):
        complete = blocks = 0
        for step in range(start, start + 150):
            found = operators(sampler.draw(step), "dense_op")
            blocks += len(found)
            complete += sum(len(names) == len(SPACE.dense_operators) for names in found.values())
        shares.append(complete / blocks)
    assert shares[-1] == 0.0
    for share, middle in zip(shares, (0.875, 0.625, 0.375, 0.125), strict=False):
        assert share == pytest.approx(middle, abs=4 * math.sqrt(0.25 / 300))
    first = sampler.draw(0)
    assert len(first.nodes) == len(PathSampler(SPACE, "full-path").draw(0).nodes) or (
        set(operators(first, "dense_op")["block4"]) == set(SPACE.dense_operators)
    )


def test_without_warm_up_no_path_is_full() -> None:
    found = [names for a in draws("single-operator") for names in operators(a, "dense_op").values()]
    assert max(map(len, found)) == 1


def test_every_draw_fits_the_space(small_space: NASRecSpace) -> None:
    for mode in MODES[:-1]:
        sampler = PathSampler(small_space, mode)  # type: ignore[arg-type]
        for step in range(5):
            sampler.draw(step).validate(small_space.kinds)


def test_an_unknown_mode_is_told_the_nearest() -> None:
    with pytest.raises(SpaceError, match="'any-paths'; did you mean 'any-path'"):
        PathSampler(SPACE, "any-paths")  # type: ignore[arg-type]


def test_given_needs_a_list() -> None:
    with pytest.raises(SpaceError, match="'given' needs a list"):
        PathSampler(SPACE, "given")
