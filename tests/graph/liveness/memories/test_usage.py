"""Which buffers are in use in files that are connected."""

import pytest

from per_audit.graph.liveness.beside.demos import Demos
from per_audit.graph.liveness.memories.usage import has_one_in_use, is_tried_out, unused

MEMORY = """
    import random

    class Memory:
        def __init__(self, size=100):
            self.rows, self.size = [], size

        def add(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))
            if len(self.rows) > self.size:
                self.rows.pop(0)

        def sample(self, n):
            return random.sample(self.rows, n)
"""
DEMO = """
    def trial():
        memory = Memory()
        print(memory.sample(1))

    if __name__ == "__main__":
        trial()
"""
AGENT = """
    from memory import Memory

    class Agent:
        def __init__(self, net, optimizer):
            self.net, self.optimizer, self.memory = net, optimizer, Memory()

        def learn(self):
            self.net.loss(self.memory.sample(8)).backward()
            self.optimizer.step()
"""


def used(graph):
    return has_one_in_use(graph), [graph.name_of(buffer) for buffer in unused(graph)]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"memory": MEMORY}, (False, ["Memory"])),
        ({"memory": MEMORY, "agent": AGENT}, (False, ["Memory"])),
        ({"memory": MEMORY, "agent": AGENT, "run": "from agent import Agent\n"}, (False, ["Memory"])),
        ({"memory": MEMORY, "agent": AGENT, "run": "from agent import Agent\nAgent(1, 2).learn()\n"}, (True, [])),
        ({"memory": MEMORY, "agent": AGENT, "run": "from agent import Agent\nAGENTS = [Agent]\n"}, (True, [])),
        ({"memory": MEMORY, "agent": AGENT, "run": "AGENTS = {'Agent': 1}\n"}, (True, [])),
        ({"memory": MEMORY, "agent": AGENT, "run": "from agent import Agent as A\nA(1, 2).learn()\n"}, (True, [])),
        ({"memory": MEMORY, "agent": AGENT, "run": "from agent import Agent as A\n"}, (False, ["Memory"])),
        ({"memory": MEMORY, "agent": AGENT, "run": "from other import B as A\nA()\n"}, (False, ["Memory"])),
        (
            {"memory": MEMORY, "agent": AGENT, "heir": "import agent\nclass B(agent.Agent):\n    x = 1\n"},
            (False, ["Memory"]),
        ),
        ({"memory": MEMORY, "notes": "from memory import Memory\n'a Memory'\n"}, (False, ["Memory"])),
        ({"memory": MEMORY + DEMO, "agent": AGENT}, (False, ["Memory"])),
        ({"memory": MEMORY + DEMO.replace("print", "learn")}, (True, [])),
        ({"memory": MEMORY, "trial": "from memory import Memory\ndef trial():\n    Memory()\n"}, (False, [])),
        ({"memory": MEMORY, "api": "from memory import Memory\n__all__ = ['Memory']\n"}, (False, [])),
    ],
)
def test_a_class_is_in_use_through_what_makes_it(project, files, expected):
    assert used(project(**files)) == expected


def test_what_a_script_keeps_in_a_variable_is_in_use(project):
    graph = project("""
    import random

    rows = []
    for step in range(1000):
        rows.append((state, action, reward, next_state, done))
        net.loss(random.sample(rows, 8)).backward()
    """)
    assert used(graph) == (True, [])


def test_buffers_of_libraries_and_of_the_reference_are_in_use(project):
    text = "from {} import PrioritizedReplayBuffer\nmemory = PrioritizedReplayBuffer(100)\nmemory.sample(8)\n"
    assert used(project(text.format("cpprb"))) == (True, [])
    assert used(project(text.format("experience_replay_optimizer"))) == (True, [])


@pytest.mark.parametrize(("more", "tried"), [("", False), (DEMO, True)])
def test_a_class_that_is_only_tried_out_is_told_from_one_that_nothing_makes(project, more, tried):
    graph = project(MEMORY + more)
    (buffer,) = graph.buffers
    assert is_tried_out(graph, buffer) is tried


def test_a_demonstration_is_followed_once(project, monkeypatch):
    followed = []
    monkeypatch.setattr(Demos, "_may_train", lambda demos, call: followed.append(call))
    graph = project(memory=MEMORY + DEMO, agent=AGENT)
    assert used(graph) == used(graph)
    assert len(followed) == len(set(followed)) > 0
