"""Brains: recurrent modules from senses to actions, each part switchable alone."""

from brains.brain import Brain, BrainOutput, BrainState
from brains.build import brain_from_config, build_brain
from brains.neuromodulation import LearnerGains
from brains.percept import Percept
from brains.recurrent import (
    NoState,
    RecurrentModule,
    detach,
    reset_where,
    tree_leaves,
    tree_map,
)

__all__ = [
    "Brain",
    "BrainOutput",
    "BrainState",
    "LearnerGains",
    "NoState",
    "Percept",
    "RecurrentModule",
    "brain_from_config",
    "build_brain",
    "detach",
    "reset_where",
    "tree_leaves",
    "tree_map",
]
