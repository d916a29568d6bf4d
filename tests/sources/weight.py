"""How much something holds: what it keeps of the past shows."""

import gc
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType

OTHERS = (type, ModuleType, FunctionType, BuiltinFunctionType, MethodType)
"""Code holds its module, and that holds all."""


def weight(thing: object) -> int:
    """Return how many objects are reached from one, code left out."""
    seen: dict[int, object] = {}
    pending = [thing]
    while pending:
        one = pending.pop()
        if id(one) not in seen and not isinstance(one, OTHERS):
            seen[id(one)] = one
            pending += gc.get_referents(one)
    return len(seen)
