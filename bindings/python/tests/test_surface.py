"""What the library exports, as text that is reviewed: `bindings/surface.txt`.

A change of it is a change for every app. After one that is meant, run the tests with `NGHISU_ACCEPT=1`.
It is read from the Python module, which does not show how wide an integer is.
"""

import inspect
import os
import re
import unittest
from enum import Enum
from pathlib import Path

import nghisu

SURFACE = Path(__file__).parents[2] / "surface.txt"


def surface() -> str:
    """Returns every exported name with its parts, sorted by name."""
    lines = []
    # What implements a trait or states a type again is no more than its original.
    for name in sorted(name for name in nghisu.__all__ if not re.search("Impl$|Protocol$|^InternalError$", name)):
        exported = getattr(nghisu, name)
        if inspect.isfunction(exported):
            lines.append(f"{name}{inspect.signature(exported)}")
        else:
            lines += [name, *(f"    {part}" for part in parts(exported))]
    return plain("\n".join(lines) + "\n")


def plain(text: str) -> str:
    """Leaves out what is only how Python writes it."""
    text = re.sub(r"= <object object at \w+>", "= None", text.replace("typing.", "").replace("'", ""))
    return re.sub(r"Union\[object, (.*?\])\]", r"\1", text)


def parts(exported: type) -> list[str]:
    if issubclass(exported, Enum):
        return [case.name for case in exported]
    own = {name: value for name, value in inspect.getmembers(exported) if not name.startswith("_")}
    cases = {name: value for name, value in own.items() if inspect.isclass(value)}
    if cases:
        return [f"{name}{constructor(value)}" for name, value in cases.items()]
    methods = {name: value for name, value in own.items() if inspect.isroutine(value)}
    if methods:
        return [method(name, value) for name, value in methods.items()]
    return [str(part) for part in list(inspect.signature(exported.__init__).parameters.values())[1:]]


def constructor(case: type) -> str:
    return "" if case.__init__ is object.__init__ else str(inspect.signature(case))


def method(name: str, value: object) -> str:
    awaited = "async " if inspect.iscoroutinefunction(value) else ""
    return f"{awaited}{name}{inspect.signature(value)}"


class SurfaceTest(unittest.TestCase):
    maxDiff = None

    def test_the_exported_surface_is_the_reviewed_one(self) -> None:
        if os.environ.get("NGHISU_ACCEPT") == "1":
            SURFACE.write_text(surface())
        self.assertEqual(surface(), SURFACE.read_text())
