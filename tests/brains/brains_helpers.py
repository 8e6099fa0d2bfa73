"""Every recurrent part that exists, found by looking: a new one joins the suite by existing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from omegaconf import OmegaConf

from brains import Percept
from brains.factory import factory_from_config
from brains.percept import Prediction
from brains.perception import Perception
from brains.recurrent import RecurrentModule
from brains.senses import Layout

OPTIONS = Path(__file__).parents[2] / "conf" / "brain"
CONTROLLERS, PERCEPTIONS = OPTIONS / "controller", OPTIONS / "perception"
SPIKING_VARIANTS = {
    "spiking, adaptive": {"adaptation_strength": 0.3},
    "spiking, four substeps": {"substeps": 4},
    "spiking, current as it is": {"normalise_current": False},
}
PERCEPTION_VARIANTS = {
    "sparse, without belief": {"skip": False},
    "sparse, error only": {"error_only": True},
    "sparse, binary": {"values": "binary"},
    "sparse, straight through": {"gradient": "straight_through"},
}
INPUT_SIZE = 5
SIZES = {"touch": 3, "efference_copy": 2, "joints": 6}
LAYOUT = Layout(SIZES)
PRIVATE_LAYOUT = Layout(SIZES, private=["efference_copy"])
CONTEXT_SIZE = 4


def described_by(path: Path) -> dict[str, Any]:
    """Return what a file of `conf/brain/<part>/` describes, with the sizes of a whole brain."""
    brain = {**OmegaConf.load(OPTIONS / "shared" / "base.yaml"), "part": OmegaConf.load(path)}
    return OmegaConf.to_container(OmegaConf.create({"brain": brain}).brain.part, resolve=True)


def controllers() -> dict[str, Callable[[], RecurrentModule[Any]]]:
    """Return what builds each controller of `conf/`, and variants of the spiking one."""
    configs = {file.stem: described_by(file) for file in sorted(CONTROLLERS.glob("*.yaml"))}
    for name, change in SPIKING_VARIANTS.items():
        configs[name] = {**configs["spiking"], **change}
    return {name: _builder(config) for name, config in configs.items()}


def world_model(option: str, layout: Layout, **changes: Any) -> Any:
    """Return a world model of `conf/`, with the same first weights at every call."""
    config = described_by(OPTIONS / "world_model" / f"{option}.yaml")
    torch.manual_seed(0)
    return factory_from_config({**config, **changes}, trusted=("brains.",))(layout=layout)


def _builder(config: Any) -> Callable[[], RecurrentModule[Any]]:
    if "hidden_size" in config:
        config["hidden_size"] = 12
    return lambda: factory_from_config(config, trusted=("brains.",))(input_size=INPUT_SIZE)


def small_body() -> tuple[spaces.Box, spaces.Box]:
    sensed = spaces.Box(-np.inf, np.inf, (INPUT_SIZE,), np.float64)
    return sensed, spaces.Box(-1.0, 1.0, (2,), np.float32)


def perceptions() -> dict[str, Callable[..., Perception]]:
    """Return what builds each perception of `conf/`, and variants, with or without predictions."""
    configs = {file.stem: described_by(file) for file in sorted(PERCEPTIONS.glob("*.yaml"))}
    for name, change in PERCEPTION_VARIANTS.items():
        configs[name] = {**configs["sparse"], **change}
    return {name: perception_builder(config) for name, config in configs.items()}


def perception_builder(config: Any) -> Callable[..., Perception]:
    """Return what builds a described perception, smaller, for `LAYOUT` or another layout."""
    if "units" in config:
        config["units"] = 24
    if "winners" in config:
        config["winners"] = 4

    def build(predicted: bool = True, layout: Layout = LAYOUT) -> Perception:
        return factory_from_config(config, trusted=("brains.",))(
            layout=layout,
            columns=LAYOUT.body if predicted else LAYOUT.body[:0],
            context_size=CONTEXT_SIZE if predicted else 0,
        )

    return build


def percepts(*shape: int, predicted: bool = True, seed: int = 0) -> Percept:
    """Return random percepts of `LAYOUT`, leaves [*shape, ...]."""
    drawn = torch.Generator().manual_seed(seed)

    def noise(size: int) -> torch.Tensor:
        return torch.randn(*shape, size, generator=drawn)

    size = len(LAYOUT.body) if predicted else 0
    prediction = Prediction(
        noise(size), noise(size).abs() + 0.5, noise(CONTEXT_SIZE if predicted else 0)
    )
    return Percept(noise(LAYOUT.size), noise(1)[..., 0], prediction, noise(0), noise(0))
