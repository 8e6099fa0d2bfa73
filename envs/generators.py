"""Random generators as plain numbers, so that a checkpoint can hold them."""

from collections.abc import Sequence

import numpy as np


def generator_state(generator: np.random.Generator) -> list[int]:
    """Return a PCG64 generator as [state, increment, has_uint32, uinteger]; ints of 128 bits."""
    state = generator.bit_generator.state
    if state["bit_generator"] != "PCG64":
        raise ValueError(f"expected a PCG64 generator, got {state['bit_generator']}")
    inner = state["state"]
    return [inner["state"], inner["inc"], state["has_uint32"], state["uinteger"]]


def generator_from_state(numbers: Sequence[int]) -> np.random.Generator:
    """Rebuild the generator that `generator_state` described."""
    state, increment, has_uint32, uinteger = (int(number) for number in numbers)
    bit_generator = np.random.PCG64()
    bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": state, "inc": increment},
        "has_uint32": has_uint32,
        "uinteger": uinteger,
    }
    return np.random.Generator(bit_generator)
