"""Checkpoints: a folder of safetensors and JSON that is either whole or not there.

    step_000500000/  tensors.safetensors   every array
                     state.json            everything else, and which array belongs where
                     SHA256SUMS            digests of both; `sha256sum -c SHA256SUMS` checks them

A checkpoint is written under another name, flushed to the disk and then renamed, so that a process
killed at any moment leaves the one before it. Loading runs no code.
"""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from agents.errors import DISK_FULL, CheckpointError
from agents.state_tree import flatten, unflatten

FORMAT = "wetware-checkpoint"
VERSION = 1
TENSORS, STATE, DIGESTS = "tensors.safetensors", "state.json", "SHA256SUMS"


def save_tree(directory: str | Path, tree: Any, *, metadata: Mapping[str, Any]) -> Path:
    """Write a state tree as a checkpoint, all of it or nothing.

    Args:
        directory: The checkpoint's folder; one that is already there is replaced.
        tree: The state, in the kinds of `agents.state_tree`.
        metadata: What to know about it without loading it, such as the steps taken.

    Returns:
        The folder.

    Raises:
        CheckpointError: The disk is full or cannot be written; what was there before still is.
        TypeError: The tree has a leaf without a safe form.
    """
    directory = Path(directory).absolute()
    structure, tensors = flatten(tree)
    about, metadata_tensors = flatten(dict(metadata))
    if metadata_tensors:
        raise TypeError(f"metadata holds arrays: {', '.join(metadata_tensors)}")
    document = {"format": FORMAT, "version": VERSION, "metadata": about, "tree": structure}
    aside = _sibling(directory, "writing")
    try:
        shutil.rmtree(aside, ignore_errors=True)  # left by a process that was killed
        aside.mkdir(parents=True)
        save_file(tensors, aside / TENSORS)
        (aside / STATE).write_text(json.dumps(document, allow_nan=False), encoding="utf-8")
        digests = [f"{_sha256(aside / name)}  {name}\n" for name in (TENSORS, STATE)]
        (aside / DIGESTS).write_text("".join(digests), encoding="ascii")
        for name in (TENSORS, STATE, DIGESTS, "."):
            sync_to_disk(aside / name)
        _replace(directory, aside)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(aside, ignore_errors=True)
        raise CheckpointError(_why_not_written(directory, error)) from error
    return directory


def load_tree(directory: str | Path) -> tuple[Any, dict[str, Any]]:
    """Read a checkpoint that `save_tree` wrote.

    Args:
        directory: The checkpoint's folder.

    Returns:
        The state tree, and its metadata.

    Raises:
        CheckpointError: There is none, it is damaged, or it is not one of ours.
    """
    directory = _whole(Path(directory))
    document = _read_document(directory)
    try:
        tree = unflatten(document["tree"], load_file(directory / TENSORS))
        return tree, unflatten(document["metadata"], {})
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{directory} is damaged ({error}); use another one") from error


def read_metadata(directory: str | Path) -> dict[str, Any]:
    """Return what a checkpoint says about itself, its arrays checked but not loaded.

    Raises:
        CheckpointError: There is none, it is damaged, or it is not one of ours.
    """
    directory = _whole(Path(directory))
    return unflatten(_read_document(directory)["metadata"], {})


def sync_to_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, have reached the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _replace(directory: Path, aside: Path) -> None:
    """Give a finished folder its name; at every moment either the old or the new one is found."""
    previous = _sibling(directory, "previous")
    if directory.exists():
        shutil.rmtree(previous, ignore_errors=True)
        directory.rename(previous)
    aside.rename(directory)
    sync_to_disk(directory.parent)
    shutil.rmtree(previous, ignore_errors=True)


def _whole(directory: Path) -> Path:
    """Return the folder, or its predecessor if a process was killed between two renames."""
    previous = _sibling(directory, "previous")
    return previous if previous.is_dir() and not directory.exists() else directory


def _read_document(directory: Path) -> dict[str, Any]:
    """Return state.json after checking that the folder is ours and undamaged."""
    if not directory.is_dir():
        raise CheckpointError(f"there is no checkpoint at {directory}")
    absent = [name for name in (DIGESTS, STATE, TENSORS) if not (directory / name).is_file()]
    if absent:
        raise CheckpointError(f"{directory} is not a checkpoint: it has no {absent[0]}")
    try:
        lines = (directory / DIGESTS).read_text(encoding="ascii").split()
        expected = dict(zip(lines[1::2], lines[::2], strict=False))
        for name in (STATE, TENSORS):
            if expected.get(name) != _sha256(directory / name):
                raise CheckpointError(f"{directory / name} is damaged; use another checkpoint")
        document = json.loads((directory / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{directory} is damaged ({error}); use another one") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise CheckpointError(f"{directory} is not a checkpoint of this program")
    if document.get("version") != VERSION:
        version = document.get("version")
        raise CheckpointError(f"{directory} has format version {version}; this is {VERSION}")
    return document


def _why_not_written(directory: Path, error: Exception) -> str:
    """Return one line on why a checkpoint could not be written."""
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if full or "No space left" in str(error) or "quota" in str(error).lower():
        reason = f"{DISK_FULL}: make room"
        with suppress(OSError):
            free = shutil.disk_usage(directory.parent).free / 2**20
            reason = f"{DISK_FULL} ({free:.0f} MiB free): make room"
    else:
        reason = str(error).replace("\n", " ")
    return f"checkpoint {directory} was not written: {reason}; the one before it is intact"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sibling(directory: Path, purpose: str) -> Path:
    return directory.with_name(f".{directory.name}.{purpose}")
