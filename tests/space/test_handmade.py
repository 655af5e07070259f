import pytest

from dagsmith.space import (
    HANDMADE,
    NAMED,
    ClickSpace,
    SpaceError,
    ctr_plus,
    named_architecture,
    nasrec_full,
    nasrec_pim_small,
    nasrec_small,
    published_nets,
)
from dagsmith.space.ctr import PLUS_KINDS


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize(("dense", "fields"), [(13, 26), (0, 1)])
def test_every_name_fits_any_data(name: str, dense: int, fields: int) -> None:
    architecture = named_architecture(name, dense, fields, embedding_dim=10, dropout=0.25)
    architecture.validate(PLUS_KINDS)
    assert architecture.live() == architecture
    dims = {node["dim"] for node in architecture.nodes if node.kind == "sparse_input"}
    assert dims <= {10}
    shares = {node["dropout"] for node in architecture.nodes if node.kind == "layer"}
    assert shares <= {0.25}


def test_names_mean_different_models() -> None:
    keys = {named_architecture(name, 13, 26).key for name in NAMED}
    assert len(keys) == len(NAMED)


def test_published_networks_are_those_of_nasrec() -> None:
    net = published_nets()["criteo-full"]
    assert named_architecture("nasrec-criteo-full", 13, 26).key == net.architecture.key


def test_the_towers_widths_can_be_given() -> None:
    def widths(name: str) -> list[object]:
        net = named_architecture(name, 3, 5, hidden=(7, 400))
        return [node["width"] for node in net.nodes if node.name.startswith("left.")]

    assert widths("dnn") == [7, 400]
    assert widths("finalmlp") == [400, 7, 400]
    assert widths("lr") == []


@pytest.mark.parametrize("norm", ["none", "layer", "batch"])
def test_the_towers_normalisation_can_be_given(norm: str) -> None:
    for name in ("dnn", "dlrm", "finalmlp"):
        net = named_architecture(name, 3, 5, norm=norm)
        assert {node["norm"] for node in net.nodes if node.kind == "layer"} == {norm}
    # What has no tower is what it was.
    assert named_architecture("fm", 3, 5, norm=norm) == named_architecture("fm", 3, 5)
    published = named_architecture("nasrec-kdd-small", 3, 10, norm=norm)
    assert published == named_architecture("nasrec-kdd-small", 3, 10)


def test_mistakes_are_named() -> None:
    with pytest.raises(SpaceError, match="'dcn2'; did you mean 'dcnv2'"):
        named_architecture("dcn2", 3, 5)
    with pytest.raises(SpaceError, match="slot 'norm' has no choice 'bach'; did you mean 'batch'"):
        named_architecture("dnn", 3, 5, norm="bach")
    with pytest.raises(SpaceError, match="5 layers; expected 1 to 4"):
        named_architecture("dnn", 3, 5, hidden=(8,) * 5)


@pytest.mark.parametrize(("dense", "fields"), [(13, 26), (0, 10), (0, 1)])
def test_the_hand_made_points_of_ctr_plus_are_the_named_models(dense: int, fields: int) -> None:
    space = ctr_plus(dense, fields)
    points = space.handmade()
    assert list(points) == list(HANDMADE)
    for name, genotype in points.items():
        assert space.decode(genotype).key == named_architecture(name, dense, fields).key


def test_in_a_smaller_space_the_hand_made_points_are_of_the_nearest_size() -> None:
    space = ctr_plus(3, 5, widths=(16, 64), embedding_dim=6)
    nets = {name: space.decode(genotype) for name, genotype in space.handmade().items()}
    assert len({net.key for net in nets.values()}) == len(HANDMADE)
    widths = [node["width"] for node in nets["finalmlp"].nodes if node.kind == "layer"]
    assert widths == [64, 64]
    assert {net.nodes[0].values.get("dim", 6) for net in nets.values()} == {6}


@pytest.mark.parametrize(
    ("space", "count"),
    [
        (nasrec_small(3, 10), 3),
        (nasrec_full(13, 26), 6),
        (nasrec_full(13, 26, blocks=3), 0),
        (nasrec_small(13, 26, widths=(16, 32)), 0),
        (nasrec_pim_small(3, 10), 0),
    ],
)
def test_the_published_networks_are_points_where_they_fit(space: ClickSpace, count: int) -> None:
    points = space.handmade()
    assert len(points) == count
    assert {name.removeprefix("nasrec-") for name in points} <= set(published_nets())
    for genotype in points.values():
        space.check(genotype[None])


def test_a_published_network_is_itself_in_the_space_it_was_found_in() -> None:
    for name, net in published_nets().items():
        point = net.space.handmade()[f"nasrec-{name}"]
        assert net.space.decode(point).key == net.architecture.key
