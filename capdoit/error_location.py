"""The location of an error, or of a call, in the project's own code."""

from __future__ import annotations

import inspect
import traceback
from pathlib import Path

PACKAGE = Path(__file__).parent
STANDARD_LIBRARY = Path(traceback.__file__).parent


def locate_error(error: BaseException) -> str:
    """Return the location of an error in a hook or a recipe, not in Python or in a library that the hook calls.

    Returns:
        `` (FILE:LINE)``; empty if neither a hook nor a recipe was called.
    """
    every = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in every if not frame.filename.startswith("<") and _is_outside(Path(frame.filename))]
    if not frames:
        return ""
    # The first one is in the hook, which may call functions in files next to its file.
    own = Path(frames[0].filename).parent
    innermost = [frame for frame in frames if is_next_to(Path(frame.filename), own)][-1]
    return f" ({Path(innermost.filename).name}:{innermost.lineno})"


def caller_location() -> str:
    """Return the file name and line of the dodo.py or recipe that is being loaded."""
    frame = inspect.currentframe()
    while frame and _is_internal(str(frame.f_globals["__name__"])):
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}" if frame else ""


def _is_internal(module: str) -> bool:
    """Return True for a module of capdoit, except bundled recipes, and for those that import modules."""
    is_bundled_recipe = module.startswith("capdoit.recipes.")
    return module.partition(".")[0] in ("capdoit", "importlib", "_frozen_importlib") and not is_bundled_recipe


def _is_outside(file: Path) -> bool:
    """Return True for a file that is neither capdoit's, except bundled recipes, nor Python's."""
    is_internal = file.is_relative_to(PACKAGE) and not file.is_relative_to(PACKAGE / "recipes")
    is_of_python = file.is_relative_to(STANDARD_LIBRARY) and not _is_in_site_packages(file)
    return not (is_internal or is_of_python)


def is_next_to(file: Path, folder: Path) -> bool:
    """Return True if a file is below a folder, and not in a virtual environment there."""
    return file.is_relative_to(folder) and not _is_in_site_packages(file.relative_to(folder))


def _is_in_site_packages(file: Path) -> bool:
    return bool({"site-packages", "dist-packages"} & {*file.parts})
