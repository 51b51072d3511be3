"""What going through a memory costs: estimates from what was measured once, on one core, scaled by the numbers."""

from __future__ import annotations

from per_audit.facts import ir

# Microseconds. A read of a deque at random against one of a list, for each item that the deque may hold: 64 reads cost
# 17 more at 50,000 items and 370 more at a million.
_DEQUE_READ = 5.5e-6
# For each item: np.max of an array (90 at a million, beside the call itself), max of a list (12,000); draws by
# numpy.random.choice(p=...) (6,300), random.choices(weights=...) (53,000) and torch.multinomial (1,000).
_ARRAY_MAXIMUM, _LIST_MAXIMUM, _CALL = 9e-5, 0.0125, 1.0
_DRAWS = {"choice": 6.3e-3, "choices": 0.053, "multinomial": 1e-3}


def of_read(capacity: int) -> float:
    """What a read at random out of a deque of so many items costs more than one out of a list."""
    return _DEQUE_READ * capacity


def of_draw(method: str, capacity: int) -> float | None:
    """What a draw over all probabilities of so many items costs; None for other methods than were measured."""
    each = _DRAWS.get(method)
    return None if each is None else each * capacity


def of_maximum(node: ir.Node, count: int) -> float | None:
    """What the call costs that looks for the largest or smallest of so many numbers; None where it is another."""
    func = node.func if isinstance(node, ir.Call) else None
    if isinstance(func, ir.Attr) and func.attr in ("max", "min", "amax", "amin"):
        return _CALL + _ARRAY_MAXIMUM * count
    if isinstance(func, ir.Name) and func.id in ("max", "min"):
        return _LIST_MAXIMUM * count
    return None


def spelled(microseconds: float) -> str:
    """An estimate for people: `about 9 µs`, `about 1.3 ms`."""
    if microseconds >= 1_000:
        return f"about {float(f'{microseconds / 1_000:.2g}'):g} ms"
    return f"about {float(f'{microseconds:.2g}'):g} µs"
