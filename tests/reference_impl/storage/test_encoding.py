import json
import math
from collections import OrderedDict, namedtuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from experience_replay_optimizer.storage.encoding import decode_objects, encode_objects

Step = namedtuple("Step", "state reward")
Empty = namedtuple("Empty", "")
TYPES = (Step, Empty)


def there_and_back(items, types=TYPES):
    encoded, blob = encode_objects(items, types)
    return decode_objects(json.loads(json.dumps(encoded)), blob, types)


def same(left, right):
    """Equal in value and in type, however nested; NaN equals NaN."""
    if type(left) is not type(right):
        return False
    if isinstance(left, (np.ndarray, np.generic)):
        return left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()
    if isinstance(left, (tuple, list)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return same(list(left.items()), list(right.items()))
    return left == right or (left != left and right != right)


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.sampled_from([np.float32(0.1), np.int8(-3), np.bool_(True), np.complex64(1j), np.uint64(2**64 - 1)])
)
numbers = arrays.arrays(
    st.sampled_from(["<f4", ">f8", "u1", "?", "<i8", "c16", "f2"]), arrays.array_shapes(min_dims=0, min_side=0)
)
keys = st.none() | st.integers() | st.text() | st.binary() | st.tuples(st.integers(), st.booleans())
items = st.recursive(
    scalars | numbers,
    lambda part: (
        st.lists(part)
        | st.lists(part).map(tuple)
        | st.dictionaries(keys, part, max_size=4)
        | st.builds(Step, part, part)
        | st.builds(Empty)
    ),
    max_leaves=8,
)


@given(st.lists(items, max_size=4))
@settings(deadline=None)
def test_what_is_encoded_is_decoded(objects):
    assert same(there_and_back(objects), objects)


@pytest.mark.parametrize("word", ["array", "scalar", "bytes", "dict", "named", "tuple", "list"])
def test_dicts_whose_keys_are_words_of_the_format(word):
    objects = [{word: 1}, {word: [0, "<f8", [1]]}, [word, {"of": word}]]
    assert same(there_and_back(objects), objects)


def test_an_array_that_occurs_twice_is_one_array_again():
    frame = np.arange(6.0).reshape(2, 3)
    objects = [(frame, 1), (frame, frame[0]), frame.copy()]
    blob = encode_objects(objects, ())[1]
    assert len(blob) == 2 * frame.nbytes + frame[0].nbytes
    decoded = there_and_back(objects)
    assert decoded[0][0] is decoded[1][0]
    assert decoded[2] is not decoded[0][0]
    assert same(decoded, objects)
    decoded[0][0][:] = 9.0  # it is the caller's own, and can be written to
    assert decoded[2].tolist() == frame.tolist()


def test_arrays_in_any_layout():
    base = np.arange(24, dtype=np.int32).reshape(4, 6)
    for array in (base.T, base[::-2, 1:4], np.asfortranarray(base), np.broadcast_to(base[0], (3, 6))):
        assert same(there_and_back([array])[0], np.ascontiguousarray(array))


def test_numbers_that_json_has_no_word_for():
    back = there_and_back([math.inf, -math.inf, math.nan, -0.0, 10**400, "\ud800"])
    assert back[:2] == [math.inf, -math.inf]
    assert math.isnan(back[2])
    assert math.copysign(1.0, back[3]) == -1.0
    assert back[4:] == [10**400, "\ud800"]


class Point:
    pass


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (Point(), r"an object of type Point cannot be saved; append\(\) it as a numpy array"),
        ([{"deep": (Point(),)}], "type Point"),
        ({Point()}, "type set"),
        (OrderedDict(), "type OrderedDict"),
        (lambda: 1, "type function"),
        (Step, "type type"),
        (namedtuple("Other", "a")(1), r"type Other cannot be saved; pass types=\(Other,\) to save\(\) and load\(\)"),
        (np.array([None, 1]), "dtype object cannot be saved; only arrays of numbers can"),
        (np.array(["text"]), "dtype <U4"),
        (np.str_("text"), "dtype <U4"),
        (np.datetime64("2020-01-01"), r"dtype datetime64\[D\]"),
        (np.zeros(2, [("a", "f4")]), "dtype .*cannot be saved"),
        (np.ma.masked_array([1.0], [True]), "type MaskedArray"),
    ],
)
def test_what_cannot_be_saved_is_refused_with_a_remedy(item, message):
    with pytest.raises(TypeError, match=message):
        encode_objects([1, item], (Step,))


def test_tensors_are_refused_with_a_remedy():
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match=r"type Tensor cannot be saved; .*numpy array"):
        encode_objects([(torch.zeros(3), 0)], ())


def test_namedtuples_need_their_class_on_both_sides():
    encoded, blob = encode_objects([Step(1, 2.0)], (Step,))
    with pytest.raises(ValueError, match=r"namedtuples Step: pass types=\(Step,\) to load"):
        decode_objects(encoded, blob, (Empty,))


@pytest.mark.parametrize("types", [(dict,), (Point,), (tuple,), ("Step",)])
def test_types_are_namedtuple_classes(types):
    for refuses in (lambda: encode_objects([], types), lambda: decode_objects([], b"", types)):
        with pytest.raises(TypeError, match="types must be namedtuple classes, not"):
            refuses()


def test_two_classes_of_one_name_are_refused():
    other = namedtuple("Step", "a b c")
    with pytest.raises(ValueError, match="two of types have the name Step"):
        encode_objects([Step(1, 2), other(1, 2, 3)], (Step, other))
