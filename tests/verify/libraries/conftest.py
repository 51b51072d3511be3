from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

from per_audit.verify.run import Options, verify

FOLDER = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "per-audit", "benchmarks")


@pytest.fixture
def verdicts():
    """The verdicts of a library's class by check, in this environment or in the one of the benchmarks."""

    def look(package, environment, target, checks):
        python = Path(sys.executable)
        if importlib.util.find_spec(package) is None:
            python = FOLDER / environment / "bin" / "python"
            if not python.exists():
                pytest.skip(f"{package} is not installed")
        options = Options(checks=checks, python=str(python), memory=8192, timeout=600.0)
        found = verify([target], options).targets[0]
        assert found.mapping["adapter"] == f"the one for {package}"
        return {check.check: check.verdict.value for check in found.checks}

    return look
