"""What a file held, by how it is read."""

import pytest

from per_audit.facts import ir
from per_audit.graph.memory.restored import is_restored


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ("np.load(path)", True),
        ("np.load(path)['priorities'][:9]", True),
        ("torch.load(path)['priorities']", True),
        ("pickle.load(open(path, 'rb'))", True),
        ("pd.read_parquet(path)['priority'].values", True),
        ("pd.read_csv(path).iloc[:9]['priority'].to_numpy()", True),
        ("np.load(path) if path else np.zeros(9)", False),
        ("np.zeros(9)", False),
        ("net(path)", False),
    ],
)
def test_files_are_told_from_what_is_made(project, made, expected):
    graph = project(f"""
        import pickle
        import numpy as np
        import pandas as pd
        import torch

        def restore(path, net):
            kept = {made}
            return kept
    """)
    (module,) = graph.project.modules.values()
    statement = next(node for node in ir.walk(*module.body) if isinstance(node, ir.Assign))
    assert is_restored(graph.symbols.term("main.py", statement.value)) == expected
