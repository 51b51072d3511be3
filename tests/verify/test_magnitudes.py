from __future__ import annotations

import pytest

from per_audit.audit import audit
from per_audit.settings import Settings
from per_audit.verify.magnitudes import takes_magnitudes

from .test_project import TRAIN, ZOO


@pytest.mark.parametrize(
    ("error", "magnitudes"), [("td.abs()", True), ("td**2", True), ("(td - 1.0)", False), ("unknown(td)", False)]
)
def test_what_the_project_hands_over_as_errors(tmp_path, error, magnitudes):
    """A buffer that takes what it gets, called with |TD error| or with something else."""
    text = ZOO.read_text("utf-8").split("class RankBased")[0]
    assert text.count("abs(td_error)") == 1
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "memory.py").write_text(text.replace("abs(td_error)", "td_error"))
    (tmp_path / "train.py").write_text(TRAIN.replace("td.detach().abs().numpy()", error))
    found = [
        takes_magnitudes(graph, buffer)
        for graph in audit(tmp_path, [tmp_path], Settings(base=tmp_path)).graphs
        for buffer in graph.buffers
        if buffer.owner is not None and buffer.owner.name == "Correct"
    ]
    assert found == [magnitudes]
