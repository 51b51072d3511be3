"""Arrays that a dict holds by the names of the fields."""

import pytest

from per_audit.graph.recognise.rows.keyed import keyed_roles

MEMORY = """
    class Memory:
        def __init__(self, size):
            self.rows = {{"state": [None] * size, "reward": [None] * size}}
            self.whole = [None] * size

        def push(self, row, at):
            {body}
"""


@pytest.mark.parametrize(
    ("body", "roles"),
    [
        ("for key in self.rows:\n                self.rows[key][at] = row[key]", {"state", "reward"}),
        ("for key in ('reward', 'done', 'colour'):\n                self.rows[key][at] = row[key]", {"reward", "done"}),
        ("for key, part in {'reward': 1}.items():\n                self.rows[key][at] = part", {"reward"}),
        ("for key in {'next_state': 1}.keys():\n                self.rows[key][at] = row[key]", {"next"}),
        ("for part, key in read():\n                self.rows[key][at] = part", set()),
        ("for key in self.rows:\n                self.whole[at] = row[key]", set()),
        ("for key in self.rows:\n                self.rows['reward'][at] = row[key]", set()),
    ],
)
def test_the_names_that_a_loop_stores_by(project, body, roles):
    graph = project(MEMORY.format(body=body))
    stores = [store for store in graph.events.stores.values() if getattr(store.function, "name", "") == "push"]
    assert stores
    assert {role for store in stores for role in keyed_roles(graph, store)} == roles
