"""Telemetry: everything that went on in an episode, in one compact file.

    telemetry = analysis.telemetry.read("runs/mine/telemetry/step_001000000.npz")
    telemetry.signals["spikes"]                  # [steps, neurons], bool

Steps go to disk as they are lived, so that any length needs the same memory. Booleans and spikes
are bool, wide signals float16, all else float32.
"""

import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from agents.errors import UsageError
from analysis.panels.lines import ERRORS
from analysis.playing import Record

ABOUT = "about"
FORMAT = 1
WIDE = 32
"""Signals of more numbers than this are kept as float16."""

UNITS: Mapping[str, str] = {
    "spikes": "1 where a neuron fires in the step",
    "features": "the controller's own",
    "code": "the controller's own; 0 is silent",
    "value": "scaled reward to come",
    "reward": "the task's own, earned by the step",
    "action": "the body's own",
    "episode_start": "1 where an episode begins",
    "surprise": "mean squared prediction error, predicted variances",
}
"""Units of signals by name; of others by what they begin with."""

UNITS_OF_KINDS: Mapping[str, str] = {
    ERRORS: "root mean square, predicted standard deviations",
    "senses": "the body's own",
    "challenge/": "1 where it is on",
}


class Telemetry(NamedTuple):
    """What a file tells.

    Attributes:
        signals: By name; the first axis is the step, [L] or [L, ...].
        units: Of each signal, in words.
        control_period: Length of a step, s.
        about: What was lived: title, env, seed and so on.
    """

    signals: dict[str, NDArray[Any]]
    units: dict[str, str]
    control_period: float
    about: dict[str, Any]

    @property
    def seconds(self) -> NDArray[np.float64]:
        """The time of each step since the first, s, [L]."""
        return self.control_period * np.arange(len(self.signals["reward"]), dtype=np.float64)

    @property
    def episodes(self) -> list[slice]:
        """The steps of each episode."""
        starts = np.flatnonzero(self.signals["episode_start"]).tolist()
        ends = [*starts[1:], len(self.signals["reward"])]
        return [slice(start, end) for start, end in zip(starts, ends, strict=True)]


def read(path: str | Path) -> Telemetry:
    """Read a telemetry file.

    Raises:
        UsageError: There is no such file, or it holds something else.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            about = json.loads(str(arrays[ABOUT]))
            signals = {name: arrays[name] for name in arrays.files if name != ABOUT}
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())
        raise UsageError(
            f"{path} is no telemetry ({reason}): `evaluate.py runs=... telemetry=true` writes some"
        ) from error
    return Telemetry(signals, about.pop("units"), about.pop("control_period"), about)


@contextmanager
def recording(path: Path, control_period: float, about: Mapping[str, Any]) -> Iterator[Record]:
    """Open a telemetry file for steps; it gets its name when it is whole.

    Args:
        path: The file; one that is there stays until the new one is finished.
        control_period: Length of a step, s.
        about: Further words on what is lived, as JSON takes them.

    Yields:
        What appends a step; every step must tell the same signals.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        aside = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wetware-")))
        columns: dict[str, _Column] = {}

        def record(lived: Mapping[str, NDArray[Any]]) -> None:
            if not columns:
                for index, (name, value) in enumerate(lived.items()):
                    file = stack.enter_context((aside / str(index)).open("w+b"))
                    columns[name] = _Column(file, kept_as(name, value), value.shape)
            for name, column in columns.items():
                column.append(lived[name])

        yield record
        unfinished = path.with_name(f".{path.name}.unfinished")
        try:
            _assemble(unfinished, columns, control_period, about)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)


def kept_as(name: str, value: NDArray[Any]) -> np.dtype[Any]:
    """Return the type in which a signal is kept."""
    if name == "spikes" or value.dtype == bool:
        return np.dtype(bool)
    if np.issubdtype(value.dtype, np.integer):
        return value.dtype
    return np.dtype(np.float16 if value.size > WIDE else np.float32)


def unit_of(name: str) -> str:
    """Return the unit of a signal, in words."""
    kinds = [unit for beginning, unit in UNITS_OF_KINDS.items() if name.startswith(beginning)]
    return UNITS.get(name) or (kinds[0] if kinds else "the brain's own")


class _Column:
    """A signal on disk, step after step."""

    def __init__(self, file: IO[bytes], dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        self.file, self.dtype, self.shape, self.length = file, dtype, shape, 0

    def append(self, value: NDArray[Any]) -> None:
        """Append a step; what float16 cannot hold becomes the largest number that it can."""
        if self.dtype == np.float16:
            largest = float(np.finfo(np.float16).max)
            value = np.clip(value, -largest, largest)
        self.file.write(np.asarray(value).astype(self.dtype).tobytes())
        self.length += 1

    def copy_into(self, target: IO[bytes]) -> None:
        """Write the signal as an npy file."""
        shape = (self.length, *self.shape)
        header = {"descr": npy.dtype_to_descr(self.dtype), "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(target, header)
        self.file.seek(0)
        shutil.copyfileobj(self.file, target)


def _assemble(
    path: Path, columns: Mapping[str, _Column], control_period: float, about: Mapping[str, Any]
) -> None:
    units = {name: unit_of(name) for name in columns}
    told = {"format": FORMAT, **about, "units": units, "control_period": control_period}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open(f"{ABOUT}.npy", "w") as member:
            npy.write_array(member, np.array(json.dumps(told)))
        for name, column in columns.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                column.copy_into(member)
