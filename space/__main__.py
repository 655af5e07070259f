"""Print the named spaces and their sizes: ``python -m dagsmith.space``."""

from dagsmith.space import SPACES


def main() -> None:
    """Describe every named space at Criteo's field counts, which its size does not depend on."""
    for make in SPACES.values():
        print(make(13, 26).describe())


if __name__ == "__main__":
    main()
