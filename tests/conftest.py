"""Chooses how to draw before any test imports MuJoCo."""

import envs  # noqa: F401
