"""For worker threads: run something, and survive whatever it raises.

Only the outermost loops of threads use it. What is logged names the error's class and where it
was raised, never its message, because a message may carry what a caller wrote.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from workspace.errors import HousemodelError, Unavailable

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
_FRAMES = 12
_log = logging.getLogger("housemodel.workers")


def guarded(
    act: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result | None:
    """Return what `act` returns; None if it raised, after a line in the log."""
    try:
        return act(*args, **kwargs)
    except Unavailable:
        return None  # locked or starting: the loop comes back
    except HousemodelError as error:
        _log.error("%s failed: %s", getattr(act, "__name__", "work"), error.code)
    except Exception as error:
        log_unknown(getattr(act, "__name__", "work"), error)
    return None


def log_unknown(what: str, error: BaseException) -> None:
    """Log the class of an unexpected error and where it came from."""
    _log.error("%s failed unexpectedly: %s\n%s", what, type(error).__name__, place_of(error))


def place_of(error: BaseException) -> str:
    """Where an error came from, innermost last: files and lines, no values and no folders."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    return "\n".join(f"  {Path(f.filename).name}:{f.lineno} in {f.name}" for f in frames)
