"""Functions that make arrays, and write and read at places of those that they are given."""

import pytest

from per_audit.graph import UNIFORM

TOOLS = """
    import numpy as np

    def space(shape, n):
        \"\"\"Room for n rows.\"\"\"
        if shape is None:
            return None
        if isinstance(shape, dict):
            rooms = {}
            for name, part in shape.items():
                rooms[name] = np.zeros([n] + list(part))
            return rooms
        return np.zeros([n] + list(shape))

    def write(given, room, at):
        if isinstance(room, dict):
            for name, part in given.items():
                room[name][at] = part
        else:
            room[at] = given

    def read(room, places):
        if isinstance(room, dict):
            rows = {}
            for name, part in room.items():
                rows[name] = part[places]
            return rows
        return room[places]

    class Rollout:
        def __init__(self, shape, n):
            self.obs, self.actions, self.rewards = space(shape, n), space((), n), space((), n)
            self.values, self.logp, self.returns, self.at = space((), n), space((), n), space((), n), 0

        def store(self, obs, action, reward, value, logp):
            write(obs, self.obs, self.at)
            write(action, self.actions, self.at)
            write(reward, self.rewards, self.at)
            write(value, self.values, self.at)
            write(logp, self.logp, self.at)
            self.at += 1

        def batches(self, n):
            places = np.random.permutation(self.at)[:n]
            return read(self.obs, places), read(self.actions, places), read(self.logp, places)
"""
MEMORY = """
    class Memory:
        def __init__(self, shape, n):
            self.n, self.at, self.full = n, 0, 0
            self.obs, self.next_obs = space(shape, n), space(shape, n)
            self.actions, self.rewards, self.dones = space((), n), space((), n), space((), n)

        def store(self, obs, action, reward, next_obs, done):
            write(obs, self.obs, self.at)
            write(action, self.actions, self.at)
            write(reward, self.rewards, self.at)
            write(next_obs, self.next_obs, self.at)
            write(done, self.dones, self.at)
            self.at, self.full = (self.at + 1) % self.n, min(self.full + 1, self.n)

        def sample(self, n):
            places = np.random.randint(0, self.full, n)
            return {
                "obs": read(self.obs, places), "actions": read(self.actions, places),
                "rewards": read(self.rewards, places), "next_obs": read(self.next_obs, places),
                "dones": read(self.dones, places),
            }
"""


def test_what_a_helper_makes_and_fills_is_another_array_at_each_call(project, kinds):
    graph = project(TOOLS + MEMORY)
    assert kinds(graph) == [UNIFORM]
    (buffer,) = graph.buffers
    assert buffer.roles == {"state", "action", "reward", "next", "done"}
    assert kinds(project(TOOLS)) == []
    probable = MEMORY.replace("write(done,", "write(logp, self.logp, self.at)\n            write(done,")
    probable = probable.replace("next_obs, done)", "next_obs, done, logp)").replace(
        "            self.obs,", "            self.logp = space((), n)\n            self.obs,"
    )
    probable = probable.replace('"dones": read', '"logp": read(self.logp, places), "dones": read')
    assert kinds(project(TOOLS + probable)) == []


@pytest.mark.parametrize(
    ("body", "apart"),
    [
        ("return np.zeros(n)", True),
        ("made = np.zeros(n)\n        return made", True),
        ("made = np.zeros(n)\n        made[0] = 1.0\n        return made", False),  # filled by whoever makes it
        ("made = [0.0]\n        made.append(n)\n        return made", False),
        ("kept.room = np.zeros(n)\n        return kept.room", False),
    ],
)
def test_only_what_is_made_and_handed_out_is_another_one(project, value_of, body, apart):
    graph = project(f"""
    import numpy as np

    class Kept:
        pass

    kept = Kept()

    def room(n):
        {body}

    one = room(3)
    other = room(4)
    print([one], [other])
    """)
    assert value_of(graph, "one").atoms.isdisjoint(value_of(graph, "other").atoms) is apart
