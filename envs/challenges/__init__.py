"""Challenges: what goes wrong with a body while it runs, and when."""

from envs.challenges.base import Body, Challenge, Unsuited
from envs.challenges.catalogue import (
    Described,
    challenge_names,
    named_challenge,
    onset_name,
    onset_names,
)
from envs.challenges.onset import Onset

__all__ = [
    "Body",
    "Challenge",
    "Described",
    "Onset",
    "Unsuited",
    "challenge_names",
    "named_challenge",
    "onset_name",
    "onset_names",
]
