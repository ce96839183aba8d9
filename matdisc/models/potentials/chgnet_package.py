"""CHGNet's network class without the package's tools, which take longer to import than torch."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chgnet.model import CHGNet

PACKAGE, FOLDER, TOOLS = "chgnet", "chgnet.model", "chgnet.utils.vasp_utils"
"""The package, the folder whose `__init__` imports dynamics and fits, and the module that imports readers of VASP."""


def network_class() -> type[CHGNet]:
    """Return the package's class CHGNet.

    What was imported for it is forgotten again, so that a later `import chgnet.model` gets the whole package. A release
    of the package that is built otherwise is imported as a whole.
    """
    if FOLDER not in sys.modules and find_spec(PACKAGE) is not None:
        try:
            with _without_tools():
                found: type[CHGNet] = import_module(f"{FOLDER}.model").CHGNet
                return found
        except (ImportError, AttributeError):
            pass
    return import_module(FOLDER).CHGNet


@contextmanager
def _without_tools() -> Iterator[None]:
    """Let the folder be a package without contents of its own, and the tools be names without a function."""
    before = set(sys.modules)
    folder, tools = ModuleType(FOLDER), _Names(TOOLS)
    folder.__path__ = [f"{path}/model" for path in import_module(PACKAGE).__path__]
    sys.modules |= {FOLDER: folder, TOOLS: tools}
    try:
        yield
    finally:
        for name in [one for one in sys.modules if one.partition(".")[0] == PACKAGE and one not in before]:
            del sys.modules[name]


class _Names(ModuleType):
    """A module from which every name can be imported."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return None
