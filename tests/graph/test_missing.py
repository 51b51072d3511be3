"""Files that import modules of the project which are not there."""

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit.graph.missing import lacks_a_module


@pytest.mark.parametrize(
    ("statement", "lacking"),
    [
        ("from .nets import Net", True),
        ("from ..common.nets import Net", True),
        ("from parts.nets import Net", True),
        ("from .memory import Memory", False),
        ("from parts.plots import draw", False),
        ("from parts import plots", False),
        ("from . import nets", False),  # a name of the package, for all that is known
        ("from nets import Net", False),  # a package that is installed may be called so
        ("from torch.optim import Adam", False),
        ("from ...above import Net", False),  # outside of what is audited
        ("from .messages_pb2 import Step", False),
        ("from ._kernels import walk", False),
        ("try:\n    from .nets import Net\nexcept ImportError:\n    Net = None", False),
    ],
)
def test_modules_that_are_not_there(statement, lacking):
    texts = {
        "agents/dqn.py": f"{statement}\n",
        "agents/memory.py": "class Memory:\n    pass\n",
        "agents/parts/plots.py": "def draw():\n    pass\n",
        "common/tools.py": "def tool():\n    pass\n",
    }
    graph = link([extract(path, text.encode()) for path, text in texts.items()])
    assert lacks_a_module(graph, "agents/dqn.py") is lacking
