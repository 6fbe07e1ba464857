"""A disk that fails at the n-th write: at the border to the operating system, counted exactly.

Two ways lead from this product to the disk, and both are taken here: SQLite's own system calls,
replaced through its VFS (`xSetSystemCall`, as SQLite's own tests do), and Python's, replaced in
`os`. Counted are the steps that may need room, below one folder: a file or folder that is made, a
write, a file that grows, a rename, a sync (Python's only: SQLite calls `fsync` directly). What
takes no room goes on working: reading, removing, locks.

    with FaultyDisk(home) as disk:
        disk.fail_from(7)            # the 7th step and every later one: ENOSPC, until `heal`
        disk.fail_only(7)            # just that one
        disk.before_each = look      # called before each step, for copies at each moment
"""

from __future__ import annotations

import builtins
import ctypes
import errno
import io
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

_NAMES = (
    "pNext zName pAppData xOpen xDelete xAccess xFullPathname xDlOpen xDlError xDlSym xDlClose"
    " xRandomness xSleep xCurrentTime xGetLastError xCurrentTimeInt64 xSetSystemCall"
    " xGetSystemCall xNextSystemCall"
)
_INT, _SIZE, _PLACE, _TEXT = ctypes.c_int, ctypes.c_size_t, ctypes.c_longlong, ctypes.c_char_p
_GIVEN = ctypes.c_ssize_t
# Name of the system call in SQLite's table -> what it returns and takes.
_CALLS: dict[str, tuple[Any, ...]] = {
    "open": (_INT, _TEXT, _INT, _INT),
    "write": (_GIVEN, _INT, ctypes.c_void_p, _SIZE),
    "pwrite": (_GIVEN, _INT, ctypes.c_void_p, _SIZE, _PLACE),
    "pwrite64": (_GIVEN, _INT, ctypes.c_void_p, _SIZE, _PLACE),
    "fallocate": (_INT, _INT, _PLACE, _PLACE),
    "ftruncate": (_INT, _INT, _PLACE),
}


class _Vfs(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int) for name in ("iVersion", "szOsFile", "mxPathname")] + [
        (name, ctypes.c_void_p) for name in _NAMES.split()
    ]


def _sqlite() -> Any:
    """The library that Python's own `sqlite3` runs on, if it is a shared one."""
    import _sqlite3  # noqa: F401  # loaded first, so that the name below is the same library

    library = ctypes.CDLL("libsqlite3.so.0")
    library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
    return library


class FaultyDisk:
    """Counts what is written below a folder, and fails where it is told to."""

    def __init__(self, folder: Path, number: int = errno.ENOSPC) -> None:
        self.folder, self.number = str(folder.resolve()), number
        self.steps: list[str] = []  # what was written since the last `start`, in order
        self.failed = 0
        self.broke = ""  # what failed first
        self.before_each: Callable[[int], None] | None = None
        self._from, self._until = 0, 0
        self._lock = threading.RLock()
        self._library: Any = None
        self._vfs: Any = None
        self._kept: list[Any] = []  # callbacks that SQLite points to
        self._real: dict[str, Any] = {}

    def start(self) -> None:
        """Count from one again, and fail nowhere."""
        with self._lock:
            self.steps, self.failed, self.broke = [], 0, ""
            self._from = self._until = 0

    def fail_from(self, step: int) -> None:
        """Fail at this step (1 is the first) and at every later one."""
        self.start()
        self._from, self._until = step, 1 << 62

    def fail_only(self, step: int) -> None:
        """Fail at this step only."""
        self.start()
        self._from = self._until = step

    def heal(self) -> None:
        """There is room again; counting goes on."""
        with self._lock:
            self._from = self._until = 0

    def _step(self, what: str) -> int:
        """Count one step; the error number if it is to fail, else 0."""
        with self._lock:
            self.steps.append(what)
            number = len(self.steps)
            if self.before_each is not None:
                self.before_each(number)
            if self._from and self._from <= number <= self._until:
                self.failed += 1
                self.broke = self.broke or what
                return self.number
            return 0

    def _mine(self, place: Any) -> bool:
        """Whether a path, or what a descriptor is open on, lies below the folder."""
        if isinstance(place, int):
            try:
                place = Path(f"/proc/self/fd/{place}").readlink()
            except OSError:
                return False
        path = os.path.abspath(os.fsdecode(place))  # noqa: PTH100  # follows no links
        return path == self.folder or path.startswith(self.folder + os.sep)

    # Python's way

    def __enter__(self) -> FaultyDisk:
        self._replace_sqlites_calls()
        for name in ("open", "fdopen", "fsync", "rename", "replace", "mkdir"):
            self._real[name] = getattr(os, name)
            setattr(os, name, getattr(self, f"_{name}"))
        self._real["io_open"] = io.open
        io.open = builtins.open = self._io_open  # type: ignore[assignment]
        return self

    def __exit__(self, *_: object) -> None:
        for name in ("open", "fdopen", "fsync", "rename", "replace", "mkdir"):
            setattr(os, name, self._real[name])
        io.open = builtins.open = self._real["io_open"]
        self._vfs.set(None)

    def _check(self, what: str, place: Any) -> None:
        if self._mine(place) and (number := self._step(what)):
            raise OSError(number, os.strerror(number))

    def _open(self, path: Any, flags: int, mode: int = 0o777, **more: Any) -> int:
        if flags & os.O_CREAT and not os.path.lexists(path):
            self._check("make", path)
        return int(self._real["open"](path, flags, mode, **more))

    def _fdopen(self, descriptor: int, mode: str = "r", *more: Any, **named: Any) -> Any:
        if not self._mine(descriptor) or not set(mode) & set("wax+"):
            return self._real["fdopen"](descriptor, mode, *more, **named)
        raw = _Raw(descriptor, mode.replace("b", ""))
        raw.disk = self
        kept = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return kept if "b" in mode else io.TextIOWrapper(kept)

    def _io_open(self, file: Any, mode: str = "r", *more: Any, **named: Any) -> Any:
        if isinstance(file, int) or not set(mode) & set("wax+") or not self._mine(file):
            return self._real["io_open"](file, mode, *more, **named)
        if not os.path.lexists(file):
            self._check("make", file)
        self._real["io_open"](file, mode.replace("x", "w") + "").close()
        return self._fdopen(self._real["open"](file, os.O_RDWR), mode.replace("x", "w"))

    def _fsync(self, descriptor: Any) -> None:
        self._check("sync", descriptor if isinstance(descriptor, int) else descriptor.fileno())
        self._real["fsync"](descriptor)

    def _rename(self, source: Any, target: Any, **more: Any) -> None:
        self._check("rename", target)
        self._real["rename"](source, target, **more)

    def _replace(self, source: Any, target: Any, **more: Any) -> None:
        self._check("rename", target)
        self._real["replace"](source, target, **more)

    def _mkdir(self, path: Any, *more: Any, **named: Any) -> None:
        if not os.path.lexists(path):
            self._check("make", path)
        self._real["mkdir"](path, *more, **named)

    # SQLite's way

    def _replace_sqlites_calls(self) -> None:
        self._library = _sqlite()
        self._vfs = _Table(self._library.sqlite3_vfs_find(None))
        for name, (returns, *takes) in _CALLS.items():
            pointer = self._vfs.get(name)
            if not pointer:
                continue
            kind = ctypes.CFUNCTYPE(returns, *takes, use_errno=True)
            ours = kind(self._wrapped(name, kind(pointer)))
            self._kept.append(ours)
            self._vfs.set(name, ours)

    def _wrapped(self, name: str, real: Any) -> Callable[..., int]:
        def call(*given: Any) -> int:
            makes = name == "open" and given[1] & os.O_CREAT and not os.path.lexists(given[0])
            if (makes or name != "open") and self._mine(given[0]):
                failing = self._step("make" if makes else f"sqlite {name}")
                if failing:
                    ctypes.set_errno(failing)
                    return -1
            return int(real(*given))

        return call


class _Raw(io.FileIO):
    disk: FaultyDisk

    def write(self, data: Any) -> int:
        self.disk._check("write", self.fileno())
        return int(super().write(data) or 0)


class _Table:
    """SQLite's table of system calls."""

    def __init__(self, found: Any) -> None:
        self._pointer, vfs = found, found.contents
        get = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, _TEXT)
        put = ctypes.CFUNCTYPE(_INT, ctypes.c_void_p, _TEXT, ctypes.c_void_p)
        self._get, self._put = get(vfs.xGetSystemCall), put(vfs.xSetSystemCall)

    def get(self, name: str) -> int | None:
        found: int | None = self._get(ctypes.addressof(self._pointer.contents), name.encode())
        return found

    def set(self, name: str | None, ours: Any = None) -> None:
        place = ctypes.cast(ours, ctypes.c_void_p) if ours is not None else None
        given = name.encode() if name else None
        self._put(ctypes.addressof(self._pointer.contents), given, place)
