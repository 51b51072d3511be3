"""The data files about libraries are complete, agree with themselves, and are read only when needed."""

import json
from importlib.resources import files

import jsonschema
import pytest

from per_audit.facts import extract
from per_audit.graph import frameworks, link
from per_audit.graph.frameworks import PRIORITISED, UNIFORM, Fields

SCHEMA = json.loads(files(frameworks).joinpath("framework.schema.json").read_text(encoding="utf-8"))
PACKAGES = sorted(frameworks.packages())


@pytest.mark.parametrize("package", PACKAGES)
def test_every_file_follows_the_schema(package):
    jsonschema.Draft202012Validator(SCHEMA).validate(frameworks.content(package))


@pytest.mark.parametrize("package", PACKAGES)
def test_every_buffer_is_found_by_its_name_and_only_once(package):
    known = frameworks.framework(package)
    names = [name for kind in known.kinds for name in kind.names]
    assert len(names) == len(set(names))
    for prefix in known.modules:
        for name in names:
            assert known.find(f"{prefix}.inner.{name}") == (name, known.kind(name))
    assert known.find(f"elsewhere.{package}.{[*names, 'x'][0]}") is None


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_named_in_place_of_a_uniform_buffer_draws_by_priority(package):
    known = frameworks.framework(package)
    by_priority = {name for kind in known.kinds if kind.draws == PRIORITISED for name in kind.names}
    by_priority |= {name for kind in known.kinds if kind.switch for name in kind.switch.prioritised}
    assert {kind.instead.rpartition(".")[2] for kind in known.kinds if kind.instead} <= by_priority


@pytest.mark.parametrize("package", PACKAGES)
def test_a_buffer_that_is_drawn_from_says_what_a_project_may_call(package):
    for kind in frameworks.framework(package).kinds:
        if kind.draws == UNIFORM:
            assert kind.sample
            assert kind.store
        if kind.draws == PRIORITISED and kind.sample:
            assert kind.update


def test_shapes_are_read_as_they_are_written():
    assert frameworks.framework("ptan").kind("PrioritizedReplayBuffer").returns == ("batch", "indices", "weights")
    shape = frameworks.framework("tianshou").kind("PrioritizedReplayBuffer").returns
    assert shape == (Fields((("weights", "weight"),)), "indices")


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("ptan.experience.PrioritizedReplayBuffer.sample", True),
        ("ptan.experience.PrioritizedReplayBuffer.populate", False),
        ("ptan.experience.ExperienceReplayBuffer.sample", False),
        ("tianshou.data.PrioritizedReplayBuffer.get_weight", True),
        ("tianshou.data.ReplayBuffer.get_weight", False),
        ("elsewhere.PrioritizedReplayBuffer.sample", False),
    ],
)
def test_what_a_draw_returns_is_known_by_the_name_of_the_call(name, known):
    assert (frameworks.drawn_shape(name) is not None) == known


def test_a_switch_knows_only_documented_values():
    switch = frameworks.framework("cpprb").kind("create_buffer").switch
    assert switch.draws({"True"}) == PRIORITISED
    assert switch.draws({"False"}) == UNIFORM
    assert switch.draws({"True", "False"}) == "unknown"
    assert switch.draws(set()) == "unknown"


def test_a_file_is_read_only_when_its_library_is_imported(monkeypatch):
    read = []
    content = frameworks.content
    monkeypatch.setattr(frameworks, "content", lambda package: read.append(package) or content(package))
    frameworks.framework.cache_clear()
    frameworks.drawn_shape.cache_clear()
    link([extract("a.py", b"import numpy\n\nx = numpy.zeros(3)\n# tianshou\n")])
    assert read == []
    link([extract("a.py", b"import cpprb\n\nx = cpprb.ReplayBuffer(3)\n")])
    assert read == ["cpprb"]


def test_an_unknown_package_has_no_file():
    assert frameworks.framework("numpy") is None
