"""MuJoCo's compiled modules carry no types: everything in its top level is Any."""

from typing import Any

def __getattr__(name: str) -> Any: ...
