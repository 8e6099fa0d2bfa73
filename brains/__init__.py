"""Brains: recurrent modules from senses to actions, each part switchable alone."""

from brains.brain import Brain, BrainOutput
from brains.build import brain_from_config, build_brain
from brains.recurrent import NoState, RecurrentModule, detach, reset_where, tree_map

__all__ = [
    "Brain",
    "BrainOutput",
    "NoState",
    "RecurrentModule",
    "brain_from_config",
    "build_brain",
    "detach",
    "reset_where",
    "tree_map",
]
