"""Compiles the kernels with whatever C compiler the machine has, once, and keeps the result."""

import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).parent
COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-O3", "-std=gnu11", "-ffp-contract=fast", "-fno-math-errno", "-fPIC", "-shared")
THIS_PROCESSOR = (("-march=native",), ("-mcpu=native",), ())  # the first one that compiles
PATIENCE = 120  # seconds for one compilation


class KernelError(RuntimeError):
    """A kernel that was asked for cannot be had; one line says why and how to mend it."""


def _compiler() -> list[str]:
    chosen = os.environ.get("CC")
    if chosen:
        command = shlex.split(chosen)
        if shutil.which(command[0]):
            return command
        raise KernelError(f"the C compiler CC={chosen!r} is not there")
    for name in COMPILERS:
        found = shutil.which(name)
        if found:
            return [found]
    raise KernelError(f"no C compiler found (tried {', '.join(COMPILERS)}): install gcc")


def _processor() -> str:
    """Return what `-march=native` depends on; a home may be shared by unequal machines."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    kinds = ("model name", "flags", "Features", "CPU part")
    return "\n".join(sorted({line for line in lines if line.startswith(kinds)}))


def _key(name: str, compiler: list[str]) -> str:
    """Return a file name under which only an equal compilation is kept."""
    path = os.path.realpath(shutil.which(compiler[0]) or compiler[0])
    stat = os.stat(path)
    parts = [*compiler, path, stat.st_size, stat.st_mtime_ns, *FLAGS, platform.system()]
    parts += [platform.machine(), _processor()]
    digest = hashlib.sha256("\0".join(map(str, parts)).encode())
    for source in sorted(HERE.glob(f"{name}*.[ch]")):
        digest.update(source.read_bytes())
    return f"{name}-{digest.hexdigest()[:24]}.so"


def _compile(name: str, compiler: list[str], target: Path) -> None:
    """Compile beside the target, then rename: other processes see all of it or nothing."""
    sources = [str(source) for source in sorted(HERE.glob(f"{name}*.c"))]
    handle, path = tempfile.mkstemp(dir=target.parent, suffix=".tmp")
    os.close(handle)
    unfinished, complaint = Path(path), ""
    try:
        for native in THIS_PROCESSOR:
            command = [*compiler, *FLAGS, *native, "-o", str(unfinished), *sources, "-lm"]
            try:
                done = subprocess.run(
                    command, capture_output=True, text=True, timeout=PATIENCE, check=False
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                raise KernelError(f"{compiler[0]} does not run: {error}") from error
            if done.returncode == 0:
                unfinished.replace(target)
                return
            complaint = next((line for line in done.stderr.splitlines() if "error" in line), "")
        raise KernelError(f"{compiler[0]} cannot compile the {name} kernel: {complaint}")
    finally:
        unfinished.unlink(missing_ok=True)


def _cache_directory() -> Path:
    """Return the user's own cache, made if need be.

    Raises:
        OSError: If it cannot be had.
    """
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    directory = Path(base) / "wetware" / "kernels"
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return directory


def load_kernel(name: str) -> ctypes.CDLL:
    """Load a kernel of this package, compiled for this processor.

    The compiled file is kept in the user's cache. Where that cannot be written or does not allow
    code, it is compiled into a temporary directory that is gone once the file is loaded.

    Args:
        name: What the names of the kernel's C files in this package begin with.

    Raises:
        KernelError: If there is no compiler that can compile it.
    """
    compiler = _compiler()
    file_name = _key(name, compiler)
    try:
        kept = _cache_directory() / file_name
        if kept.exists():
            with suppress(OSError):  # a damaged file is made anew
                return ctypes.CDLL(str(kept))
        _compile(name, compiler, kept)
        return ctypes.CDLL(str(kept))
    except OSError:
        return _load_once(name, compiler, file_name)


def _load_once(name: str, compiler: list[str], file_name: str) -> ctypes.CDLL:
    """Compile for this process alone."""
    try:
        with tempfile.TemporaryDirectory(prefix="wetware-") as directory:
            target = Path(directory) / file_name
            _compile(name, compiler, target)
            return ctypes.CDLL(str(target))
    except OSError as error:
        raise KernelError(f"the compiled {name} kernel cannot be loaded: {error}") from error
