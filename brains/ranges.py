"""Numbers that make no sense are told by their name where they are used."""

from collections.abc import Sequence


def require_at_least(least: float, **values: float) -> None:
    """Raise a ValueError that names the first value below a bound, or that is no number.

    Args:
        least: The smallest value that is allowed.
        **values: What was given, by name.
    """
    for name, value in values.items():
        if not value >= least:
            raise ValueError(f"{name} must be at least {least}, got {value}")


def require_positive(**values: float) -> None:
    """Raise a ValueError that names the first value that is not above 0.

    Args:
        **values: What was given, by name.
    """
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"{name} must be positive, got {value}")


def require_within(low: float, high: float, **values: float) -> None:
    """Raise a ValueError that names the first value outside of a range, ends included.

    Args:
        low: The smallest value that is allowed.
        high: The largest.
        **values: What was given, by name.
    """
    for name, value in values.items():
        if not low <= value <= high:
            raise ValueError(f"{name} must lie in [{low}, {high}], got {value}")


def require_layers(**sizes: Sequence[int]) -> None:
    """Raise a ValueError that names the first list of layers that is empty or has an empty layer.

    Args:
        **sizes: Units of each layer, by the list's name.
    """
    for name, layers in sizes.items():
        if not layers:
            raise ValueError(f"{name} must name at least one layer, got none")
        if not all(size >= 1 for size in layers):
            raise ValueError(f"each of {name} must be at least 1, got {list(layers)}")
