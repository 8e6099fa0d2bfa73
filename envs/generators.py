"""One random generator per row: drawing from all of them, and writing them down as numbers."""

from collections.abc import Sequence

import numpy as np


def draw_uniform(
    generators: Sequence[np.random.Generator], low: float, high: float, size: int
) -> np.ndarray:
    """Return each generator's `uniform(low, high, size)`, [n, size], at half the price."""
    if _UNIFORM_ROUNDS_ONCE:
        return np.array([generator.uniform(low, high, size) for generator in generators])
    draws = np.empty((len(generators), size))
    for generator, row in zip(generators, draws, strict=True):
        generator.random(out=row)
    return low + (high - low) * draws


def draw_uniform_and_normal(
    generators: Sequence[np.random.Generator], half_width: float, uniforms: int, normals: int
) -> np.ndarray:
    """Return what each generator draws uniformly around 0, then normally, [n, uniforms + normals].

    As `uniform(-half_width, half_width, uniforms)` and `half_width * standard_normal(normals)`.
    """
    draws = np.empty((len(generators), uniforms + normals))
    first, second = draws[:, :uniforms], draws[:, uniforms:]
    for generator, uniform, normal in zip(generators, first, second, strict=True):
        if _UNIFORM_ROUNDS_ONCE:
            uniform[:] = generator.uniform(-half_width, half_width, uniforms)
        else:
            generator.random(out=uniform)
        generator.standard_normal(out=normal)
    if not _UNIFORM_ROUNDS_ONCE:
        first *= half_width - -half_width
        first += -half_width
    second *= half_width
    return draws


def _uniform_rounds_once() -> bool:
    """Tell whether this NumPy was compiled to scale and shift uniform draws in one instruction.

    Compilers do that on some processors; the last bit then differs from that of two operations.
    """
    low, high, count = -0.1, 0.3, 256
    expected = np.random.default_rng(0).uniform(low, high, count)
    return not np.array_equal(low + (high - low) * np.random.default_rng(0).random(count), expected)


_UNIFORM_ROUNDS_ONCE = _uniform_rounds_once()


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
