import json

import numpy as np
import pytest

from experience_replay_optimizer._generator import generator_state, restored_generator

KINDS = ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"]


def generator(kind, seed):
    return np.random.Generator(getattr(np.random, kind)(seed))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("other", KINDS)
@pytest.mark.parametrize("drawn", [0, 1, 700])
def test_a_generator_goes_on_after_json_whatever_kind_takes_its_place(kind, other, drawn):
    rng = generator(kind, 1)
    rng.random(drawn)
    rng.random(3, np.float32)  # half of a 64-bit number is kept back
    state = json.loads(json.dumps(generator_state(rng)))
    mine = generator(other, 2)
    restored = restored_generator(state, mine)
    assert (restored is mine) == (kind == other)
    assert restored.random(5, np.float32).tolist() == rng.random(5, np.float32).tolist()
    assert restored.integers(2**60, size=1000).tolist() == rng.integers(2**60, size=1000).tolist()


def test_another_kind_leaves_the_old_generator_as_it_was():
    mine, twin = generator("MT19937", 2), generator("MT19937", 2)
    restored_generator(generator_state(generator("PCG64", 1)), mine)
    assert mine.random(4).tolist() == twin.random(4).tolist()


@pytest.mark.parametrize("name", ["seed", "Generator", "RandomState", "BitGenerator2", "__doc__", "SeedSequence"])
def test_only_bit_generators_are_made(name):
    with pytest.raises(ValueError, match=f"no bit generator {name} in this numpy"):
        restored_generator({"bit_generator": name}, generator("PCG64", 0))
