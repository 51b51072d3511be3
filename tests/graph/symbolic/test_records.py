"""Data classes of settings: what they say themselves, what they are made with, and what the command line may change."""

import pytest

from per_audit.graph.memory.capacity import capacity_of, number_of

PROGRAM = """
    import argparse
    import dataclasses
    from collections import deque
    from dataclasses import dataclass

    @dataclass
    class Settings:
        seed: int
        room: int = 20_000
        steps: int = 9

        @classmethod
        def of(cls, texts):
            made = cls(0)
            for text in texts:
                key, value = text.split("=")
                setattr(made, key, int(value))
            return made

    def parsed():
        parser = argparse.ArgumentParser()
        for each in dataclasses.fields(Settings):
            parser.add_argument(f"--{each.name}", type=int, default=each.default)
        return Settings(**vars(parser.parse_args()))

    def fill(settings):
        return deque(maxlen=settings.room)

    def main(texts):
        settings = GIVEN
        rows = deque(maxlen=settings.room)
        fill(settings)
"""
SET_BY_NAME = "                setattr(made, key, int(value))\n"
PARSED = "        return Settings(**vars(parser.parse_args()))\n"


def rooms(graph):
    """The capacity of both containers: one is made beside the settings, the other is given them."""
    made = [node for node in graph.events.calls if graph.source("main.py", node) == "deque(maxlen=settings.room)"]
    return [number_of(graph, "main.py", node.args[0].value) for node in sorted(made, key=lambda node: node.start)]


@pytest.mark.parametrize(
    ("given", "without", "room", "is_open"),
    [
        ("Settings(0)", SET_BY_NAME + PARSED, 20_000, False),
        ("Settings(0, 300)", SET_BY_NAME + PARSED, 300, False),
        ("Settings(seed=0, room=400)", SET_BY_NAME + PARSED, 400, False),
        ("parsed()", SET_BY_NAME, 20_000, True),
        ("Settings.of(texts)", PARSED, 20_000, True),
    ],
)
def test_a_field_is_what_it_is_given_or_what_its_class_says(project, given, without, room, is_open):
    text = PROGRAM.replace("GIVEN", given)
    for part in (SET_BY_NAME, PARSED):
        if part in without:
            text = text.replace(part, part[: len(part) - len(part.lstrip())] + "pass\n")
    if "Settings.of" not in given:
        text = text.replace("made = cls(0)", "made = None")
    found = [(capacity.usual, capacity.complete, capacity.by_default) for capacity in rooms(project(text))]
    assert found == [(room, not is_open, is_open)] * 2


def test_a_field_that_is_written_later_may_be_both(project):
    graph = project(PROGRAM.replace("GIVEN", "Settings(0)\n        settings.room = 50").replace(SET_BY_NAME, ""))
    assert {room.largest for room in rooms(graph)} == {20_000}
    assert {room.least for room in rooms(graph)} == {50}


def test_a_field_that_has_no_default_and_is_not_given_is_not_known(project):
    graph = project("""
        from dataclasses import dataclass, field

        @dataclass
        class Settings:
            room: int
            other: int = field(default=3)

        def main(kept):
            settings = Settings(*kept)
            rows = deque(maxlen=settings.room)
    """)
    (node,) = (node for node in graph.events.calls if graph.source("main.py", node).startswith("deque"))
    assert number_of(graph, "main.py", node.args[0].value).largest is None


def test_settings_of_a_config_dict_are_those_of_the_command_line(project):
    graph = project(
        """
        from absl import app, flags
        from collections import deque
        from ml_collections import config_flags

        FLAGS = flags.FLAGS
        config_flags.DEFINE_config_file("config", "settings.py")
        rows = deque(maxlen=FLAGS.config.room)
        """,
        settings="""
        from ml_collections import ConfigDict

        def get_config():
            made = ConfigDict()
            made.room = 5_000
            other = get_config()
            other.room = 7
            return made
        """,
    )
    (rows,) = graph.interpreter.module_env("main.py")["rows"].atoms
    capacity = capacity_of(graph, [rows])
    assert (capacity.largest, capacity.complete, capacity.by_default) == (5_000, False, True)
