from __future__ import annotations

import re

import numpy as np
import pytest

from per_audit.verify.checks.updates_take_effect import UpdatesTakeEffect
from per_audit.verify.child.adapter import Adapter, AdapterError
from per_audit.verify.child.bench import Bench
from per_audit.verify.child.infer import infer
from per_audit.verify.results import Verdict

from . import forms

PRIORITISED = [
    forms.ColumnsLast,
    forms.OtherOrder,
    forms.DictBatch,
    forms.NamedBatch,
    forms.Pairs,
    forms.Zipped,
    forms.FixedBatch,
    forms.WithPriority,
    forms.ObjectBatch,
    forms.RemembersTheDraw,
    forms.ReusesItsArrays,
    forms.FlatRows,
    forms.Mask,
    forms.OfSettings,
    forms.LimitOfTheModule,
    forms.LimitOfTheClass,
    forms.ShapeAsNumber,
    forms.BetaOfZeroRefused,
    forms.BehindAStar,
    forms.PowersOfTwo,
    forms.TwoDraws,
    forms.FlatRowsWithoutDone,
    forms.Images,
    forms.SeveralSteps,
    forms.SizesAreShapes,
]


def make_bench(cls):
    plan = infer(cls, 0)
    facts = {"updates": bool(plan.update_name), "recent_fraction": None}
    return plan, Bench(lambda settings: Adapter(plan.construct(settings), plan), facts, 0, cls)


@pytest.mark.parametrize("cls", PRIORITISED, ids=lambda cls: cls.__name__)
def test_the_interface_is_inferred(cls):
    np.random.seed(1)
    plan, bench = make_bench(cls)
    assert plan.layout.weights is not None, plan.words()
    assert (plan.layout.handles is not None) == (cls is not forms.RemembersTheDraw)
    adapter = bench.filled(30)
    td = {tid: 0.1 + 0.03 * tid for tid in range(30)}
    assert bench.settle(adapter, td) == set()
    buffer = adapter.buffer
    assert np.ravel(buffer.p)[:30] == pytest.approx(list(td.values()), abs=1e-4)
    ids, _, weights = adapter.draw(8)
    mass = np.array([td[int(tid)] for tid in ids]) ** buffer.alpha
    slope = np.polyfit(np.log(mass), np.log(weights), 1)[0]
    assert slope == pytest.approx(-buffer.beta, abs=0.01)


def test_a_capacity_is_rounded_up_where_it_must_be_a_power_of_two():
    plan, bench = make_bench(forms.PowersOfTwo)
    assert "64 for 50" in plan.words()["rounded"]
    bench.facts["powers_of_two"] = plan.powers_of_two
    assert bench.make(50).buffer.capacity == bench.room(50) == 64
    assert bench.make(64).buffer.capacity == 64


def test_probabilities_are_not_taken_for_weights():
    """A buffer that leaves the weights to its caller has none of its own that could be wrong."""
    plan, _ = make_bench(forms.ReturnsProbabilities)
    assert plan.layout.handles == (("item", 1),)
    assert plan.layout.weights is None


def test_the_draw_that_returns_what_the_update_needs_is_taken():
    plan, _ = make_bench(forms.TwoDraws)
    assert (plan.draw_name, plan.update_name) == ("sample_prioritized", "update_prios")
    assert (plan.passed_alpha, plan.passed_beta) == (0.6, 0.4)


def test_arguments_behind_a_star_are_said():
    plan, _ = make_bench(forms.BehindAStar)
    assert plan.words()["draw"].startswith("sample(batch size, beta) -> ")
    assert plan.passed_beta == 0.4


def test_torch_tensors(monkeypatch):
    pytest.importorskip("torch")
    np.random.seed(1)
    plan, bench = make_bench(forms.Torch)
    assert plan.values_form == "torch tensors with a batch axis"
    adapter = bench.filled(30)
    assert bench.settle(adapter, dict.fromkeys(range(30), 0.3)) == set()


def test_magnitudes_are_passed_where_the_parameter_says_so():
    plan, _ = make_bench(forms.WantsMagnitudes)
    assert not plan.signed
    facts = {"updates": True, "recent_fraction": None, "alpha": 0.6}
    bench = Bench(lambda settings: Adapter(plan.construct(settings), plan), facts, 0, forms.WantsMagnitudes)
    check = UpdatesTakeEffect()
    assert check.judge(check.probe(bench), facts).verdict is Verdict.PASS


def test_a_uniform_buffer_has_no_update_and_no_weights():
    plan, bench = make_bench(forms.UniformDeque)
    assert not plan.update_name
    assert plan.layout.weights is None
    assert set(bench.filled(30).draw(8)[0].tolist()) <= set(range(30))


def test_a_list_that_all_objects_share_is_each_ones_own_in_the_checks():
    plan, bench = make_bench(forms.SharedList)
    assert "items" in plan.words()["shared"]
    first, second = bench.filled(30), bench.filled(5)
    assert set(second.draw(5)[0].tolist()) == set(range(5))
    assert len(first.buffer.items) == 30
    assert forms.SharedList.items == []


def test_returned_arrays_are_copies():
    np.random.seed(1)
    _, bench = make_bench(forms.ReusesItsArrays)
    adapter = bench.filled(30)
    ids, handles, weights = adapter.draw(8)
    kept = ids.copy(), handles.copy(), weights.copy()
    adapter.draw(8)
    assert all(np.array_equal(a, b) for a, b in zip(kept, (ids, handles, weights), strict=True))


def test_arguments_of_the_project_are_passed_where_the_checks_need_no_others():
    plan = infer(forms.ColumnsLast, 0, {"capacity": 9, "alpha": 0.7})
    buffer = plan.construct({"capacity": 30, "seed": 0})
    assert (buffer.capacity, buffer.alpha, buffer.beta) == (30, 0.7, 0.4)
    assert "alpha=0.7" in plan.passed
    assert plan.construct({"capacity": 30, "alpha": 0.0}).alpha == 0.0


def test_settings_of_the_project_inside_an_object():
    plan = infer(forms.OfSettings, 0, {"cfg": {"fields": {"alpha": 0.7, "buffer_size": 9, "note_to_self": "short"}}})
    buffer = plan.construct({"capacity": 30, "seed": 0})
    assert (buffer.capacity, buffer.alpha, buffer.note) == (30, 0.7, "short")
    assert plan.meanings["cfg.buffer_size"] == "capacity"


def test_a_dtype_is_passed_as_one():
    class Typed(forms.ColumnsLast):
        def __init__(self, capacity, dtype=np.float64):
            super().__init__(capacity)
            self.p = self.p.astype(dtype)

    buffer = infer(Typed, 0, {"dtype": {"dtype": "numpy.float32"}}).construct({"capacity": 30})
    assert buffer.p.dtype == np.float32


class NoCapacity:
    def __init__(self):
        self.items = []

    def add(self, state, action, reward, next_state, done):
        self.items.append(state)

    def sample(self, n):
        return self.items[:n]


class Puzzling:
    def __init__(self, widget):
        self.items = []


class OfUnknownParts:
    def __init__(self, capacity):
        pass

    def add(self, state, widget, gadget, gizmo, thing, other):
        pass

    def sample(self, batch_size):
        pass


class NoDraw:
    def __init__(self, capacity):
        pass

    def add(self, state, action, reward, next_state, done):
        pass


class Discards(NoDraw):
    def sample(self, batch_size):
        return np.zeros((batch_size, 4)), np.ones(batch_size)


class Raises(NoDraw):
    def sample(self, batch_size):
        raise KeyError("boom")


@pytest.mark.parametrize(
    ("cls", "words"),
    [
        (NoCapacity, "no argument that looks like a capacity"),
        (Puzzling, "`widget`"),
        (NoDraw, "no method that draws a batch"),
        (OfUnknownParts, "add(), whose arguments have no meaning that could be inferred"),
        (Discards, "no column of the returned batch holds the states"),
        (Raises, "KeyError: 'boom'"),
    ],
)
def test_what_cannot_be_inferred_is_said(cls, words):
    with pytest.raises(AdapterError, match=re.escape(words)):
        infer(cls, 0)


def test_a_buffer_that_is_given_no_next_states_finds_them_itself():
    class Successors(forms.ColumnsLast):
        def push(self, state, action, reward, dw, tr, priority):
            self.put((state, action, reward, dw, tr), priority)

    plan, _ = make_bench(Successors)
    assert plan.finds_successors(plan.construct({"capacity": 9}))
    plan, _ = make_bench(forms.ColumnsLast)
    assert not plan.finds_successors(plan.construct({"capacity": 9}))


def test_capacities_are_powers_of_two_where_that_of_the_project_is():
    plan = infer(forms.ColumnsLast, 0, {}, powers_of_two=True)
    assert plan.construct({"capacity": 50}).capacity == 64


@pytest.mark.parametrize("cls", [forms.DictBatch, forms.BehindAStar, forms.TwoDraws])
def test_exponents_of_the_project_are_passed_to_draws(cls):
    np.random.seed(1)
    plan = infer(cls, 0, {}, drawn={"beta": 0.9})
    assert plan.passed_beta == 0.9
    assert Adapter(plan.construct({"capacity": 30}), plan).beta == 0.9
    given = []

    class Watched(cls):
        def sample(self, *args, **named):
            given.append((args, named))
            return super().sample(*args, **named)

        def sample_prioritized(self, *args, **named):
            given.append((args, named))
            return super().sample_prioritized(*args, **named)

    buffer = Watched(30)
    for tid in range(30):
        plan.add(buffer, tid, 0.0, 1.0, False)
    plan.draw(buffer, 5)
    assert given[-1][1].get("beta", given[-1][0][-1:]) in (0.9, (0.9,))
