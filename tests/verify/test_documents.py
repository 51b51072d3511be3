from __future__ import annotations

import sys

import pytest

from per_audit.verify.documents import Leaf, Unread, found, merged, read
from per_audit.verify.hydra import Open, compose


def written(folder, **files):
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
    return folder


def test_places_of_yaml_are_lines(tmp_path):
    path = written(tmp_path, a_dot_yaml="# Settings\nsize: 10\nper:\n  alpha: 0.7\n") / "a.yaml"
    assert read(path, "a.yaml") == {"size": Leaf(10, "a.yaml:2"), "per": {"alpha": Leaf(0.7, "a.yaml:4")}}


@pytest.mark.parametrize(("name", "text"), [("a.json", '{"per": {"size": 10}}'), ("a.toml", "[per]\nsize = 10\n")])
def test_places_of_json_and_toml_are_keys(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert read(tmp_path / name, name) == {"per": {"size": Leaf(10, f"{name}: per.size")}}


def test_aliases_and_merges_of_yaml(tmp_path):
    text = "base: &b {size: 1, alpha: 0.5}\nbuffer:\n  size: 2\n  <<: *b\nother:\n  <<: [*b]\n"
    root = read(written(tmp_path, a_dot_yaml=text) / "a.yaml", "a.yaml")
    assert [found(root, keys).value for keys in (["buffer", "size"], ["buffer", "alpha"], ["other", "size"])] == [
        2,
        0.5,
        1,
    ]


def test_many_aliases_take_no_time(tmp_path):
    lines = ["a0: &a0 {x: 1}", *(f"a{n}: &a{n} {{l: *a{n - 1}, r: *a{n - 1}}}" for n in range(1, 60))]
    root = read(written(tmp_path, a_dot_yaml="\n".join(lines)) / "a.yaml", "a.yaml")
    assert found(root, ["a59", *["l"] * 59, "x"]).value == 1


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.yaml", "a: [", "no valid YAML"),
        ("a.yaml", "a: 1\n---\nb: 2\n", "no valid YAML"),
        ("a.yaml", "a: \x01\n", "no valid YAML"),
        ("a.yaml", "a: !!int ''\n", "no valid YAML"),
        ("a.yaml", "a: !!bool x\n", "no valid YAML"),
        ("a.yaml", "- 1\n", "holds no mapping"),
        ("a.json", "{", "cannot be read"),
        ("a.json", "[" * 100_000, "cannot be read"),
        ("a.toml", "= 1", "cannot be read"),
        ("a.ini", "a = 1", "neither YAML"),
        ("a.yaml", "x: 1\n" * 300_000, "larger than 1 MB"),
    ],
)
def test_what_is_no_mapping_is_said(tmp_path, name, text, why):
    (tmp_path / name).write_text(text)
    with pytest.raises(Unread, match=why):
        read(tmp_path / name, name)


def test_yaml_without_a_parser_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(Unread, match=r"pip install 'per-audit\[yaml\]'"):
        read(written(tmp_path, a_dot_yaml="a: 1\n") / "a.yaml", "a.yaml")


def test_objects_of_yaml_are_not_made(tmp_path):
    root = read(written(tmp_path, a_dot_yaml="a: !!python/object/apply:os.getcwd []\nb: !x 3\n") / "a.yaml", "a.yaml")
    assert not found(root, ["b"]).known
    assert not isinstance(found(root, ["a"]), Leaf)


def test_references(tmp_path):
    text = "a: ${b.c}\nb: {c: 3, d: '${b.d}', e: 'x${b.c}', f: '???'}\n"
    root = read(written(tmp_path, a_dot_yaml=text) / "a.yaml", "a.yaml")
    assert found(root, ["a"]) == Leaf(3, "a.yaml:2")
    assert found(root, ["b", "d"]) is None
    assert [found(root, ["b", key]).known for key in "ef"] == [False, False]


def test_merged_level_by_level():
    assert merged({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}, "d": 4}) == {"a": {"b": 1, "c": 3}, "d": 4}


def test_hydra_composes_groups(tmp_path):
    written(
        tmp_path,
        train_dot_yaml="defaults:\n  - buffer: per\n  - optional agent: none\n  - how: ???\n  - _self_\n"
        "buffer:\n  alpha: 0.9\n",
        buffer__per_dot_yaml="size: 10\nalpha: 0.6\n",
        how__a_dot_yaml="size: 3\n",
    )
    files = set()
    root = compose(tmp_path, "train", "conf", files)
    assert root["buffer"] == {"size": Leaf(10, "conf/buffer/per.yaml:1"), "alpha": Leaf(0.9, "conf/train.yaml:7")}
    assert "how" not in root
    assert {path.name for path in files} == {"train.yaml", "per.yaml"}


def test_hydra_leaves_open_what_its_versions_differ_in(tmp_path):
    written(tmp_path, a_dot_yaml="defaults: [{b: c}]\nb: {x: 1, y: 2}\n", b__c_dot_yaml="x: 3\ny: 2\n")
    root = compose(tmp_path, "a", "conf", set())
    assert not root["b"]["x"].known
    assert root["b"]["y"].value == 2


def test_hydra_packages(tmp_path):
    written(
        tmp_path,
        a_dot_yaml="defaults: [_self_, {b: c}, {b@d.e: f}]\n",
        b__c_dot_yaml="# @package _global_\nx: 3\n",
        b__f_dot_yaml="y: 4\n",
    )
    root = compose(tmp_path, "a", "conf", set())
    assert (root["x"].value, root["d"]["e"]["y"].value) == (3, 4)


def test_a_configuration_that_is_not_there(tmp_path):
    with pytest.raises(Unread, match=r"conf/a\.yaml is no file"):
        compose(tmp_path, "a", "conf", set())


@pytest.mark.parametrize(
    "entry",
    ["override /b: d", "override b: d", "/b: d", "b: [c, d]", "b: '${x}'", "/b/d", "b@x: [d]", "override b@x: null"],
)
def test_hydra_leaves_open_what_a_list_of_defaults_overrides(tmp_path, entry):
    written(
        tmp_path,
        a_dot_yaml="defaults: [{b: c}, {e: f}, _self_]\n",
        b__c_dot_yaml="x: 1\n",
        b__d_dot_yaml="x: 2\n",
        e__f_dot_yaml=f"# @package _global_\ndefaults:\n  - {entry}\n",
    )
    with pytest.raises(Open, match=r"in the defaults of conf/e"):
        compose(tmp_path, "a", "conf", set())


def test_hydra_composes_where_only_its_own_settings_are_overridden(tmp_path):
    written(
        tmp_path,
        a_dot_yaml="defaults: [{b: c}, override hydra/launcher: joblib, {e: null}]\n",
        b__c_dot_yaml="x: 1\n",
    )
    assert compose(tmp_path, "a", "conf", set())["b"]["x"].value == 1
