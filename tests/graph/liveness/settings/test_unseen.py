"""Attributes that may be set where it cannot be seen of which objects."""

import pytest

from per_audit.graph.liveness.settings.unseen import hands_out_attributes, unseen

CONFIG = "class Config:\n    def __init__(self):\n        self.fast = True\n\nconfig = Config()\n"


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("config.fast = False", set()),  # it is seen of what
        ("read().fast = False", {"fast"}),
        ("read().fast, other = False, 1", {"fast"}),
        ("read().count += 1", {"count"}),
        ("def f():\n    global slow\n    slow = True", {"slow"}),
        ("setattr(config, key, 3)", None),
        ("for key in ['a', 'b']:\n    config.__dict__[key] = 1", None),  # at the top of a file names change
        ("def f(self):\n    for key in ['a', 'b']:\n        self.__dict__[key] = 1", {"a", "b"}),
        ("def f(self):\n    for key in read():\n        self.__dict__[key] = 1", None),
        ("config.__dict__.update(read())", None),
        ("vars(config)[key] = 1", None),
        ("print(vars(config).items())", set()),
    ],
)
def test_what_may_be_set_unseen(project, code, names):
    assert unseen(project(f"{CONFIG}{code}\n")) == names


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("vars(config).get('fast')", False),
        ("vars(config).update(read())", True),
        ("for key in vars(config):\n    print(key)", False),
        ("held = vars(config)", True),
        ("print(vars(config))", False),
        ("def keep(given):\n    pass\nkeep(vars(config))", True),
        ("save(**vars(config))", False),
    ],
)
def test_what_vars_gives_may_be_written_to(project, code, expected):
    graph = project(f"{CONFIG}{code}\n")
    assert hands_out_attributes(graph, graph.module("main.py")) is expected
