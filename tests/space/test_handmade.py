import pytest

from dagsmith.space import NAMED, SpaceError, named_architecture, published_nets
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


def test_mistakes_are_named() -> None:
    with pytest.raises(SpaceError, match="'dcn2'; did you mean 'dcnv2'"):
        named_architecture("dcn2", 3, 5)
    with pytest.raises(SpaceError, match="5 layers; expected 1 to 4"):
        named_architecture("dnn", 3, 5, hidden=(8,) * 5)
