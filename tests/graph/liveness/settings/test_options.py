"""Options that are parsed as truths: no text is any of them."""

import pytest

from per_audit.facts import ir
from per_audit.graph.liveness.settings.options import parsed_as_truths
from per_audit.graph.liveness.settings.switched import Switches

PARSED = """
    import argparse
    from absl import flags

    FLAGS = flags.FLAGS
    parser = argparse.ArgumentParser()
    {declared}
    args = parser.parse_args()
    {after}

    class Agent:
        def __init__(self, weighted):
            self.weighted = weighted

        def learn(self):
            if self.weighted:
                mark()

    def main(weighted):
        if weighted:
            mark_too()

    main({given})
    Agent({given}).learn()
"""
STORED = 'parser.add_argument("--per", action="store_true")'
AS_TEXT = 'args.per == "True"'
CHOSEN = f"True if {AS_TEXT} else False"


@pytest.mark.parametrize(
    ("declared", "given", "is_off"),
    [
        (STORED, AS_TEXT, True),
        (STORED, CHOSEN, True),
        (STORED, f"False if {AS_TEXT} else True", False),
        (STORED, "'yes' if args.per else None", False),
        (STORED, "args.per", False),
        (STORED, "args.per == True", False),
        (STORED, "args.per is not None", False),
        (STORED, "args.per is None", True),
        ('parser.add_argument("--per", type=bool)', "args.per is None", False),
        ('parser.add_argument("--per", type=bool, default=True)', CHOSEN, True),
        ('parser.add_argument("--per", action=argparse.BooleanOptionalAction)', CHOSEN, True),
        ('parser.add_argument("--per-s", "-p", dest="per", action="store_false")', CHOSEN, True),
        ('flags.DEFINE_bool("per", True, "draw by priority")', "FLAGS.per == 'True'", True),
        ('flags.DEFINE_bool("per", True, "draw by priority")', "FLAGS.per", False),
        # those that may be texts
        ('parser.add_argument("--per", default="True")', CHOSEN, False),
        ('parser.add_argument("--per", type=str)', CHOSEN, False),
        ('parser.add_argument("--per", type=read)', CHOSEN, False),
        ('parser.add_argument("--per", action="store_true", default="True")', CHOSEN, False),
        ('parser.add_argument("--per", action="store_true", default=read())', CHOSEN, False),
        ('parser.add_argument("--per", action="append")', CHOSEN, False),
        ('parser.add_argument("--per", type=bool, nargs="?", const="True")', CHOSEN, False),
        ('parser.add_argument("--per", **read())', CHOSEN, False),
        ('flags.DEFINE_string("per", "True", "draw by priority")', "FLAGS.per == 'True'", False),
        (f"{STORED}\n    other().add_argument('--per')", CHOSEN, False),
        (f"{STORED}\n    parser.set_defaults(per='True')", CHOSEN, False),
        (f"{STORED}\n    other().parse_args(None, read())", CHOSEN, False),
    ],
)
def test_options_that_are_truths_are_no_texts(project, declared, given, is_off):
    graph = project(PARSED.format(declared=declared, given=given, after=""))
    switches = Switches(graph)
    marks = [switches.off("main.py", call_of(graph, name)) for name in ("mark", "mark_too")]
    assert [mark is not None for mark in marks] == [is_off, is_off]


@pytest.mark.parametrize("after", ["args.per = read()", "setattr(args, read(), read())", "vars(args).update(read())"])
def test_options_that_are_set_once_they_are_parsed(project, after):
    graph = project(PARSED.format(declared=STORED, given=CHOSEN, after=after))
    assert Switches(graph).off("main.py", call_of(graph, "mark")) is None


def test_the_name_of_an_option_is_that_of_its_attribute(project):
    graph = project(PARSED.format(declared='parser.add_argument("-x", "--by-rank", type=bool)', given="1", after=""))
    assert parsed_as_truths(graph) == {"by_rank": {True, False, None}}


def call_of(graph, name):
    calls = graph.project.modules["main.py"].nodes_of(ir.Call)
    return next(node for node in calls if getattr(node.func, "id", "") == name)


LINE = """
    import argparse
    parser = argparse.ArgumentParser()
    parser.add_argument("-p", "--per", action="{action}")
    parser.add_argument("--size", type=int)
    args = parser.parse_args()
    {after}
    if args.per:
        mark()
    if not args.per:
        mark_too()
"""


@pytest.mark.parametrize(
    ("action", "after", "off"),
    [
        ("store_true", 'args = parser.parse_args(["--size", "8", "--per"])', "mark_too"),
        ("store_true", 'args = parser.parse_args(args=["-p"])', "mark_too"),
        ("store_false", 'args = parser.parse_args(["--per"])', "mark"),
        ("store_true", 'args = parser.parse_args(["--size", "8"])', ""),  # it takes one word more
        ("store_true", "args = parser.parse_args([])", ""),
        ("store_true", 'other = parser.parse_args(["--per"])', ""),
        ("store_true", 'print(args)\n    args = parser.parse_args(["--per"])', ""),
        ("store_true", "args = parser.parse_args(words())", ""),
        ("store_true", "", ""),
    ],
)
def test_what_is_on_the_command_line_that_a_file_writes_is_given(project, action, after, off):
    graph = project(LINE.format(action=action, after=after))
    switches = Switches(graph)
    found = [name for name in ("mark", "mark_too") if switches.off("main.py", call_of(graph, name)) is not None]
    assert found == ([off] if off else [])
