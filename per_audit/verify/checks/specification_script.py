"""The mandatory script of the specification."""

from __future__ import annotations

import contextlib
import importlib
import io
import sys
import types
from typing import TYPE_CHECKING, Any

from per_audit.verify.check import Check, NotProvided
from per_audit.verify.child.bench import seed_everything
from per_audit.verify.results import Outcome, Verdict

if TYPE_CHECKING:
    from per_audit.verify.child.bench import Bench

_RUNS = 100
_PACKAGE = "experience_replay_optimizer"

SCRIPT = """
from experience_replay_optimizer import PrioritizedReplayBuffer
buffer = PrioritizedReplayBuffer(1000)

# Add experiences with different rewards
for i in range(100):
    reward = 10.0 if i % 20 == 0 else 0.1  # Rare high rewards
    buffer.add(state=i, action=0, reward=reward, next_state=i+1, done=False)

# Sample and check high-reward experiences are sampled more
batch, weights, indices = buffer.sample(32)
high_reward_count = sum(1 for exp in batch if exp[2] > 1.0)
assert high_reward_count > 5, 'Not prioritizing important experiences!'
print(f'\u2705 Prioritized replay working: {high_reward_count}/32 high-reward samples')
"""


class SpecificationScript(Check):
    """The specification's mandatory script passes, as it stands, in each of 100 runs.

    It stores 100 transitions, five of them with a large reward, updates no priority, and wants more than five of the
    five in a batch of 32. It shows that rare rewards are drawn more often; it shows nothing of prioritisation by TD
    error, which textbook prioritised replay does and which passes the script once in 200 runs (NOT PROVIDED). Its
    last line searches a file of the project for text and is not part of this check.
    """

    name = "specification-script"
    statistic = "runs passed of 100"
    relation = ">="
    error_rate = "0 (never fails)"
    blind_spot = "everything but the preservation of rare rewards"
    order = 120

    def probe(self, bench: Bench) -> dict[str, Any]:
        """Run the script with the target under the name that it imports."""
        code = compile(SCRIPT, "<the specification's script>", "exec")
        passed, said = 0, ""
        with _importable(bench.cls):
            for run in range(_RUNS):
                seed_everything(bench.seed + run)
                output = io.StringIO()
                try:
                    with contextlib.redirect_stdout(output):
                        exec(code, {"__name__": "__main__"})  # noqa: S102
                    passed += 1
                    said = output.getvalue().strip()
                except AssertionError as error:
                    said = said or str(error)
                except Exception as error:  # another interface than the script's
                    raise NotProvided(f"the script cannot run: {type(error).__name__}: {str(error)[:120]}") from error
        return {"passed": passed, "said": said}

    def judge(self, measured: dict[str, Any], facts: dict[str, Any]) -> Outcome:  # noqa: ARG002
        """All runs, or the property is not provided."""
        passed = measured["passed"]
        note = "; it shows the preservation of rare rewards, not prioritisation by TD error"
        if passed == _RUNS:
            return Outcome(Verdict.PASS, passed, _RUNS, measured["said"] + note)
        text = f"passes {passed} of {_RUNS} runs, textbook prioritised replay one in 200"
        return Outcome(Verdict.NOT_PROVIDED, passed, _RUNS, text + note)


@contextlib.contextmanager
def _importable(cls: type) -> Any:
    """Let the script's import find `cls`, and undo it afterwards. The bundled class is imported for what it is."""
    before = sys.modules.get(_PACKAGE)
    real = before
    if cls.__module__.split(".")[0] == _PACKAGE:
        real = importlib.import_module(_PACKAGE)
    if getattr(real, "PrioritizedReplayBuffer", None) is not cls:
        stand_in = types.ModuleType(_PACKAGE)
        stand_in.PrioritizedReplayBuffer = cls  # type: ignore[attr-defined]
        sys.modules[_PACKAGE] = stand_in
    try:
        yield
    finally:
        if before is None:
            sys.modules.pop(_PACKAGE, None)
        else:
            sys.modules[_PACKAGE] = before
