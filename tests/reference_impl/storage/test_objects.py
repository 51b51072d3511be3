import operator
import pickle
from collections import namedtuple

import numpy as np
import pytest

from experience_replay_optimizer.storage.objects import ObjectStorage, reward_getter

Step = namedtuple("Step", "state reward")


def test_the_very_objects_come_back():
    storage, items = ObjectStorage(), [object() for _ in range(3)]
    for slot, item in enumerate(items):
        storage.write(slot, item)
    drawn = storage.gather(np.array([2, 0, 2]))
    assert type(drawn) is list
    assert [items.index(item) for item in drawn] == [2, 0, 2]
    storage.write(1, "new")
    assert storage.row(1) == "new"


@pytest.mark.parametrize(
    ("reward", "item"),
    [
        ("reward", Step(0, 7.0)),
        ("reward", {"reward": 7.0}),
        (1, (0, 7.0)),
        (-1, [0, 7.0]),
        (operator.itemgetter(1), (0, 7.0)),
    ],
)
def test_where_the_reward_is(reward, item):
    getter = reward_getter(reward)
    assert getter(item) == 7.0
    assert pickle.loads(pickle.dumps(getter))(item) == 7.0


def test_no_reward_and_refused_ones():
    assert reward_getter(None) is None
    for wrong in (1.5, True, ["reward"]):
        with pytest.raises(TypeError, match="field name"):
            reward_getter(wrong)
