"""Where tensors may live on this machine."""

import torch

from agents.errors import UsageError

AUTOMATIC = "auto"
"""SB3's word for a GPU where there is one, and the processor where there is none."""


def require_device(name: str) -> None:
    """Raise unless PyTorch can compute on a device, here and now.

    Stable-Baselines3 takes the processor in silence where there is no GPU, and a run would tell
    in its config.yaml of a device that it never saw.

    Args:
        name: As in `device=...`: `cpu`, `cuda`, `cuda:1`, ..., or `auto`.

    Raises:
        UsageError: There is no such device, or it cannot be used; the message is one line.
    """
    reason = why_not(name)
    if reason:
        raise UsageError(f"{reason}: use device=cpu, and see what `make doctor` says of the GPU")


def why_not(name: str) -> str:
    """Return in a few words why PyTorch cannot compute on a device here; "" if it can."""
    if name == AUTOMATIC:
        return ""
    try:
        torch.device(name)
    except RuntimeError:
        return f"unknown device {name!r} (there are cpu, cuda, cuda:1, ... and {AUTOMATIC})"
    try:
        torch.zeros(1, device=name).cpu()
    except (RuntimeError, AssertionError) as error:  # a build without CUDA asserts
        told = str(error).strip().split("\n")[0].split(". ")[0].rstrip(".")
        return f"device={name} cannot be used here ({told})"
    return ""
