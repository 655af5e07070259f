"""What a search space over a click log tells the rooms that run its architectures."""

from abc import abstractmethod

from dagsmith.space.architecture import Architecture
from dagsmith.space.search_space import Genotype, SearchSpace


class ClickSpace(SearchSpace):
    """A search space of CTR models: their inputs are those of one data set.

    Attributes:
        dense_width: width of the dense input; 1 (a constant) where the data have no numbers.
        sparse_fields: categorical fields of the data, one embedding row each.
        embedding_dims: widths that an embedding vector may have.
        first_order: whether architectures may read one weight per id beside the vectors.
    """

    dense_width: int
    sparse_fields: int
    embedding_dims: tuple[int, ...]
    first_order: bool = False

    @abstractmethod
    def envelope(self) -> list[Architecture]:
        """Architectures that together use every shared weight at its full size."""

    def handmade(self) -> dict[str, Genotype]:
        """Hand-made and published models that are points of this space, by name.

        A search evaluates them first, and they compete for the prize. None, unless a space has any.
        """
        return {}
