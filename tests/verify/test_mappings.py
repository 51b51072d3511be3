"""Settings that the code reads from files and mappings, by what `configurations` says of the call."""

from __future__ import annotations

import pytest

from per_audit.audit import audit
from per_audit.settings import Settings
from per_audit.verify.configuration import configurations

from .test_project import TRAIN, ZOO

YAML = "buffer_size: 5000\nper:\n  alpha: 0.65\nbuffer:\n  capacity: 4000\n  alpha: 0.75\n  unrelated: 1\n"
OPEN = "import yaml\nwith open('config.yaml') as f:\n    cfg = yaml.safe_load(f)\n"


@pytest.fixture
def read(tmp_path):
    """The configuration of the only call, with the lines `before` it and files beside it."""

    def run(call, before, **files):
        (tmp_path / "lib").mkdir()
        (tmp_path / "lib" / "memory.py").write_text(ZOO.read_text("utf-8").split("class RankBased")[0])
        text = TRAIN.split("class Agent")[0]
        (tmp_path / "train.py").write_text(before + "\n" + text.replace("Correct(1000)", call))
        (tmp_path / "config.yaml").write_text(YAML)
        (tmp_path / "config.json").write_text('{"capacity": 300, "alpha": 0.35}')
        for name, content in files.items():
            path = tmp_path / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_text(content)
        (found,) = [
            way
            for graph in audit(tmp_path, [tmp_path], Settings(base=tmp_path)).graphs
            for buffer in graph.buffers
            if buffer.owner is not None and buffer.owner.name == "Correct"
            for way in configurations(graph, buffer, tmp_path)
        ]
        return found

    return run


@pytest.mark.parametrize(
    ("call", "before", "values"),
    [
        ('Correct(cfg["buffer_size"], cfg["per"]["alpha"])', OPEN, {"capacity": 5000, "alpha": 0.65}),
        ('Correct(**cfg["buffer"])', OPEN, {"capacity": 4000, "alpha": 0.75}),
        ('Correct(5, cfg.get("alpha", 0.2))', OPEN, {"capacity": 5, "alpha": 0.2}),
        (
            "Correct(cfg.buffer_size, cfg.per.alpha)",
            "from omegaconf import OmegaConf\ncfg = OmegaConf.load('config.yaml')\n",
            {"capacity": 5000, "alpha": 0.65},
        ),
        (
            "Correct(**cfg)",
            "import json, os\nwith open(os.path.join(os.path.dirname(__file__), 'config.json')) as f:\n"
            "    cfg = json.load(f)\n",
            {"capacity": 300, "alpha": 0.35},
        ),
        (
            "Correct(**{**cfg, 'beta': 0.5})",
            "import json\nfrom pathlib import Path\ncfg = {'capacity': 7, 'alpha': 0.1}\n",
            {"capacity": 7, "alpha": 0.1, "beta": 0.5},
        ),
        (
            "Correct(cfg['capacity'])",
            "import argparse, json\np = argparse.ArgumentParser()\np.add_argument('--config', default='config.json')\n"
            "args = p.parse_args()\ncfg = json.load(open(args.config))\n",
            {"capacity": 300},
        ),
        (
            "Correct(cfg.buffer_size)",
            "import yaml\nfrom types import SimpleNamespace\n"
            "cfg = SimpleNamespace(**yaml.safe_load(open('config.yaml')))\n",
            {"capacity": 5000},
        ),
        (
            "Correct(cfg.capacity, cfg.alpha)",
            "import dataclasses\n\n@dataclasses.dataclass\nclass Cfg:\n    capacity: int = 5\n"
            "    alpha: float = dataclasses.field(default=0.3)\n\ncfg = Cfg(capacity=9)\n",
            {"capacity": 9, "alpha": 0.3},
        ),
        (
            "Correct(**vars(Cfg))",
            "class Cfg:\n    capacity = 5\n    alpha = 0.3\n",
            {"capacity": 5, "alpha": 0.3},
        ),
        (
            "Correct(cfg.capacity, cfg.alpha)",
            "from typing import NamedTuple\n\nclass Cfg(NamedTuple):\n    capacity: int = 5\n    alpha: float = 0.3\n\n"
            "cfg = Cfg()\n",
            {"capacity": 5, "alpha": 0.3},
        ),
    ],
)
def test_what_is_read(read, call, before, values):
    way = read(call, before)
    assert way.values == values
    assert not way.unknown
    assert {"beta", "epsilon", "seed", "alpha"} - values.keys() == way.defaults.keys()


def test_places_and_files_are_named(read):
    way = read('Correct(**cfg["buffer"])', OPEN)
    assert way.words["configured"] == "capacity = 4000 (config.yaml:5), alpha = 0.75 (config.yaml:6)"
    assert [path.name for path in way.files] == ["config.yaml"]


def test_hydra(read):
    before = (
        "import hydra\n\n@hydra.main(config_path='conf', config_name='run')\ndef main(cfg):\n    make(cfg.buffer)\n\n"
        "def make(cfg):\n    return Correct(cfg.size, cfg.alpha)\n\nfrom lib.memory import Correct\n"
    )
    conf = {"conf__run_dot_yaml": "defaults: [{buffer: per}]\n", "conf__buffer__per_dot_yaml": "size: 8\nalpha: 0.9\n"}
    way = read("make(1)", before, **conf)
    assert way.values == {"capacity": 8, "alpha": 0.9}
    assert way.settings["alpha"].place == "conf/buffer/per.yaml:2"
    assert {path.name for path in way.files} == {"run.yaml", "per.yaml"}


@pytest.mark.parametrize("change", ['cfg["buffer_size"] = 3', "cfg.update(other)", 'cfg["buffer_size"] *= 2'])
def test_what_the_code_changes_is_not_known(read, change):
    way = read('Correct(cfg["buffer_size"])', OPEN + f"{change}\n")
    assert not way.values
    assert way.unknown["capacity"].startswith('cfg["buffer_size"]')


@pytest.mark.parametrize(
    "change",
    [
        "cfg.per.alpha = 0.95",
        "OmegaConf.update(cfg, 'per.alpha', 0.9)",
        "setattr(cfg.per, 'alpha', 0.9)",
        "per = cfg['per']\nper['alpha'] = 0.9",
        "def over(c):\n    c['per']['alpha'] = 0.9\n\nover(cfg)",
    ],
)
def test_what_other_names_and_functions_change_is_not_known(read, change):
    way = read(
        "Correct(cfg.per.alpha)", "from omegaconf import OmegaConf\ncfg = OmegaConf.load('config.yaml')\n" + change
    )
    assert not way.values
    assert "changed at train.py" in way.unknown["capacity"]


@pytest.mark.parametrize("line", ["cfg.seed = 3", "log.update(cfg)", "print(cfg)", "per = cfg['per']\nper['beta'] = 1"])
def test_what_leaves_a_setting_as_it_is(read, line):
    way = read('Correct(5, cfg["per"]["alpha"])', OPEN + line + "\n")
    assert way.values == {"capacity": 5, "alpha": 0.65}


def test_a_mapping_that_is_changed_is_not_spread(read):
    way = read('Correct(**cfg["buffer"])', OPEN + 'cfg["buffer"].update(beta=0.9)\n')
    assert not way.values
    assert not way.defaults
    assert "changed at train.py:4" in next(iter(way.unknown.values()))


def test_a_file_that_nobody_names_leaves_its_candidates(read):
    before = (
        "import argparse, yaml\np = argparse.ArgumentParser()\np.add_argument('--config')\nargs = p.parse_args()\n"
        "cfg = yaml.safe_load(open(args.config))\n"
    )
    way = read('Correct(cfg["buffer_size"])', before, b_dot_yaml="buffer_size: 3\n", c_dot_yaml="size: 3\n")
    assert not way.values
    assert way.unknown["capacity"].endswith("one of b.yaml, config.yaml")


def test_files_outside_of_the_project_are_not_read(read, tmp_path):
    (tmp_path.parent / "outside.yaml").write_text(YAML)
    way = read('Correct(cfg["buffer_size"])', OPEN.replace("config.yaml", "../outside.yaml"))
    assert not way.values
    assert "is no file of the project" in way.unknown["capacity"]
