"""Agents of one kind give one another their memories: what the other kinds hold comes to none of them."""

import pytest

from per_audit.graph.liveness.memories.exchanged import is_exchanged

AGENTS = """
    import random
    import numpy as np

    class Rows:
        def __init__(self):
            self.rows = []
        def put(self, *row):
            self.rows.append(row)
        def some(self, n):
            return random.sample(self.rows, n)

    class Episodes(Rows):
        def some(self, n):
            return [self.rows[i] for i in np.random.randint(0, len(self.rows), n)]
        def all(self):
            return self.rows

    class Later:
        def __init__(self):
            self.kept = Rows()
        def give(self):
            return self.kept
        def take(self, kept):
            self.kept = kept
        def learn(self):
            return self.kept.some(8)

    class AtOnce:
        def __init__(self):
            self.kept = Episodes()
        def give(self):
            return self.kept
        def take(self, kept):
            raise ValueError
        def learn(self):
            return self.kept.all()

    KINDS = {"later": Later, "at once": AtOnce}

    def main(kind):
        agents = [KINDS[kind]() for _ in range(4)]
        for agent in agents:
            agent.learn()
"""


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("for agent in agents: agent.take(agents[0].give())", True),
        ("shared = agents[0].give()\nfor agent in agents: agent.take(shared)", True),
        ("for agent in agents: agent.take(Episodes())", False),
        ("for agent in agents: agent.take(agents[0].give())\nagents[1].take(Episodes())", False),
        ("for agent in agents: agent.take(Later().give())", None),
        ("for agent in agents: agent.take(AtOnce().give())", False),
        ("Later().take(agents[0].give())", False),
        ("for agent in agents: agent.kept = agents[0].give()", False),
    ],
)
def test_what_peers_give_is_of_their_own_kind(project, given, told):
    graph = project(AGENTS + "".join(f"        {line}\n" for line in given.splitlines()))
    classes = {cls.name: cls for cls in graph.project.classes}
    learn = next(part for part in classes["Later"].body if part.name == "learn")
    (site,) = graph.calls_of(learn)
    held = classes["Episodes"] in {func.owner.node for func in site.targets}
    assert (is_exchanged(graph, site, classes["Episodes"]) if held else None) == told
    assert not is_exchanged(graph, site, classes["Rows"])
