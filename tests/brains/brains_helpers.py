"""Every recurrent part that exists, found by looking: a new one joins the suite by existing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from omegaconf import OmegaConf

from brains.factory import factory_from_config
from brains.recurrent import RecurrentModule

CONTROLLERS = Path(__file__).parents[2] / "conf" / "brain" / "controller"
SPIKING_VARIANTS = {
    "spiking, adaptive": {"adaptation_strength": 0.3},
    "spiking, four substeps": {"substeps": 4},
    "spiking, current as it is": {"normalise_current": False},
}
INPUT_SIZE = 5


def controllers() -> dict[str, Callable[[], RecurrentModule[Any]]]:
    """Return what builds each controller of `conf/`, and variants of the spiking one."""
    configs = {file.stem: OmegaConf.load(file) for file in sorted(CONTROLLERS.glob("*.yaml"))}
    for name, change in SPIKING_VARIANTS.items():
        configs[name] = OmegaConf.merge(configs["spiking"], change)
    return {name: _builder(OmegaConf.to_container(config)) for name, config in configs.items()}


def _builder(config: Any) -> Callable[[], RecurrentModule[Any]]:
    if "hidden_size" in config:
        config["hidden_size"] = 12
    return lambda: factory_from_config(config, trusted=("brains.",))(input_size=INPUT_SIZE)


def small_body() -> tuple[spaces.Box, spaces.Box]:
    sensed = spaces.Box(-np.inf, np.inf, (INPUT_SIZE,), np.float64)
    return sensed, spaces.Box(-1.0, 1.0, (2,), np.float32)
