from __future__ import annotations

import numpy as np
import pytest

from experience_replay_optimizer.adapters._infos import infos_by_environment


def objects(*values):
    array = np.empty(len(values), object)
    array[:] = values
    return array


def test_arrays_with_masks():
    infos = {
        "lives": np.array([3, 0, 2]),
        "_lives": np.array([True, False, True]),
        "speed": np.array([1.0, 2.0, 3.0]),
        "name": "corridor",
    }
    assert infos_by_environment(infos, 3) == [{"lives": 3, "speed": 1.0}, {"speed": 2.0}, {"lives": 2, "speed": 3.0}]


def test_nested_dicts():
    infos = {"episode": {"r": np.array([5.0, 0.0])}, "_episode": np.array([True, False])}
    assert infos_by_environment(infos, 2) == [{"episode": {"r": 5.0}}, {}]


@pytest.mark.parametrize(
    "final_info",
    [
        {"goal": np.array([0, 7]), "_goal": np.array([False, True])},  # gymnasium 1.x
        objects(None, {"goal": 7}),  # gymnasium 0.29
    ],
)
@pytest.mark.parametrize("name", ["final_obs", "final_observation"])
def test_the_info_of_a_last_step_is_not_that_of_the_reset(final_info, name):
    mask = np.array([False, True])
    infos = {
        "start": np.array([False, True]),
        "_start": mask,
        "final_info": final_info,
        "_final_info": mask,
        name: objects(None, "the last"),
        f"_{name}": mask,
    }
    assert infos_by_environment(infos, 2) == [{}, {"goal": 7, name: "the last"}]


def test_a_list_is_taken_as_it_is():
    assert infos_by_environment([{"a": 1}, {}], 2) == [{"a": 1}, {}]
    assert infos_by_environment(({"final_info": {"b": 2}, "a": 1},), 1) == [{"b": 2}]


def test_a_list_of_another_length_is_refused():
    with pytest.raises(ValueError, match="infos has 1 entries, expected 2"):
        infos_by_environment([{}], 2)
