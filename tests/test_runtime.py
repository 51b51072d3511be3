"""What the interpreter is asked for."""

import sys

import pytest

from per_audit.runtime import room_for_calls


@pytest.mark.skipif(sys.version_info < (3, 11) or sys.platform != "linux", reason="frames are kept in other ways")
def test_calls_at_any_depth_take_no_memory_from_the_system() -> None:
    resource = pytest.importorskip("resource")

    def nested(depth: int, calls: int) -> None:
        for _ in range(calls):
            nested(0, 0)
        if depth:
            nested(depth - 1, calls)

    def taken(run) -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        run(400, 500)
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    assert taken(room_for_calls(nested)) < taken(nested) / 2


def test_the_function_stays_what_it_is() -> None:
    @room_for_calls
    def divided(one: float, *, by: float) -> float:
        """One by another."""
        return one / by

    assert divided(1, by=2) == 0.5
    assert (divided.__name__, divided.__doc__) == ("divided", "One by another.")
    with pytest.raises(ZeroDivisionError):
        divided(1, by=0)
