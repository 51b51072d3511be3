"""Dicts that may get entries under keys which are not written."""

import pytest

from per_audit.graph.liveness.settings.filled import filled, last_of, parts_of


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("config['per'] = True", set()),
        ("config[key] = True", {"config"}),
        ("config['agent'][key] = True", {"config"}),
        ("config |= more", {"config"}),
        ("config.update(more)", {"config"}),
        ("self.config.setdefault(key, 3)", {"config"}),
        ("a, config[key] = 1, 2", {"config"}),
        ("for config[key] in rows:\n    pass", {"config"}),
        ("held = config\nheld[key] = 1", {"held", "config"}),
        ("def f(settings):\n    settings[key] = 1\nf(config)", {"settings", "config"}),
        ("def f(a, *, settings):\n    settings[key] = 1\nf(rows, settings=config)", {"settings", "config"}),
        ("def f(settings):\n    return settings[key]\nf(config)", set()),
        ("class Net:\n    def update(self, rows):\n        pass\nnet = Net()\nnet.update(rows)", set()),
    ],
)
def test_what_may_get_entries_under_any_key(project, code, names):
    assert filled(project(code)) == names


def test_the_parts_of_a_target_and_their_names(project):
    target = project("(a, b.c), d[0][1] = read()").module("main.py").body[0].targets[0]
    assert [last_of(part) for part in parts_of(target)] == ["a", "c", "d"]
