"""Classes that are made only where an option is set that is off by itself."""

import pytest

from per_audit.graph.liveness.idle import Idle

MEMORIES = """
    import random

    class Tree:
        def add(self, row):
            self.rows = [row]

    class Memory:
        def __init__(self):
            self.rows, self.tree = [], Tree()

        def add(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))

        def sample(self, n):
            return random.sample(self.rows, n)

    class Plain(Base):
        pass
"""
RUN = """
    import argparse
    from memories import Memory, Plain

    parser = argparse.ArgumentParser()
    {option}
    args = parser.parse_args()

    class Agent:
        def __init__(self, net, other=False):
            self.net, self.other = net, other
            {made}

        def learn(self):
            return self.memory.sample(2)

    Agent(1, {given})
    {more}
"""
PER = "parser.add_argument('--per', action='store_true')"
BRANCH = "if args.per:\n                self.memory = Memory()"
READ = "import json; settings = json.load(open('run.json'))"
LEFT_OUT = "per = settings.get('per', False)\n            if per:\n                self.memory = Memory()"
EITHER = "self.memory = Memory() if other else Plain()"


@pytest.mark.parametrize(
    ("option", "made", "given", "more", "said"),
    [
        (PER, BRANCH, "", "", "run only where `args.per` is set"),
        (PER, EITHER, "args.per", "", "run only where `other` is set"),
        (PER.replace("action='store_true'", "type=bool, default=False"), EITHER, "args.per", "", "`other` is set"),
        (PER.replace("store_true", "store_false"), BRANCH, "", "", None),
        (PER.replace("action='store_true'", "type=bool, default=True"), BRANCH, "", "", None),
        (PER.replace("action='store_true'", "type=bool, default=read()"), BRANCH, "", "", None),
        (PER, BRANCH.replace("args.per", "not args.per"), "", "", None),
        (PER, EITHER, "read()", "", None),
        (PER, BRANCH, "", "Memory()", None),
        (PER, BRANCH, "", "KINDS = [Memory]", None),
        (PER, BRANCH, "", "parser.set_defaults(**read())", None),
        ("", "self.memory = Memory()", "", "", None),
        (READ, LEFT_OUT, "", "", "run only where `per` is set"),
        (READ, LEFT_OUT.replace(", False", ""), "", "", "run only where `per` is set"),
        (READ, LEFT_OUT.replace("False", "True"), "", "", None),
        (READ, LEFT_OUT.replace("settings.get", "net and settings.get"), "", "", "run only where `per` is set"),
        (READ, LEFT_OUT.replace("if per:", "if net and per:"), "", "", "run only where `net and per` is set"),
        (READ, LEFT_OUT.replace("if per:", "if net or per:"), "", "", None),
        (
            READ,
            LEFT_OUT.replace("settings.get('per', False)", "getattr(settings, 'per', None)"),
            "",
            "",
            "`per` is set",
        ),
        (READ.replace("json.load(open('run.json'))", "{'per': True}"), LEFT_OUT, "", "", None),
    ],
)
@pytest.mark.parametrize("text", ["self.rows.append", "self.rows = [row]"])
def test_what_an_option_alone_makes(project, option, made, given, more, said, text):
    graph = project(memories=MEMORIES, run=RUN.format(option=option, made=made, given=given, more=more))
    node = next(
        node for node in graph.module("memories.py").nodes if graph.source("memories.py", node).startswith(text)
    )
    note = Idle(graph).note(graph.place("memories.py", node))
    assert note is None if said is None else note is not None and said in note
