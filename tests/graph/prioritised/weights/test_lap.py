"""Errors clamped from below under Huber's loss."""

import pytest

from per_audit.graph.prioritised.weights.lap import clamps_like_lap


@pytest.mark.parametrize(
    ("code", "known"),
    [
        ("F.smooth_l1_loss(errors, 0)\nmemory.update(at, errors.clamp(min=1.0))", True),
        ("F.huber_loss(errors, 0)\nmemory.update(at, torch.maximum(errors, 1))", True),
        ("F.mse_loss(errors, 0)\nmemory.update(at, errors.clamp(min=1.0))", False),
        ("F.smooth_l1_loss(errors, 0)\nmemory.update(at, errors.clamp(min=1e-6))", False),
        ("F.smooth_l1_loss(errors, 0)\nmemory.update(at, errors.clamp(max=1.0))", False),
        ("F.smooth_l1_loss(errors, 0)\nmemory.update(at, errors)", False),
    ],
)
def test_the_form_that_needs_no_weights(priorities_of, code, known):
    assert clamps_like_lap(priorities_of(code)) is known


@pytest.mark.parametrize(
    ("clamp", "loss", "known"),
    [
        (".clamp(min=1.0)", "F.smooth_l1_loss(errors, 0)", True),
        ("", "F.smooth_l1_loss(errors, 0)", False),
        (".clamp(min=1.0)", "F.mse_loss(errors, 0)", False),
    ],
)
def test_priorities_that_a_method_with_two_ways_to_return_clamps(project, memory_text, clamp, loss, known):
    learner = f"""
    import torch.nn.functional as F
    from memory import Memory

    class Learner:
        def __init__(self, net, by_priority):
            self.net, self.by_priority, self.memory = net, by_priority, Memory(64)

        def loss(self, rows, **settings):
            errors = self.net(rows)
            loss = {loss} + {" + ".join(f"self.net(rows) ** {power}" for power in range(40))}
            if self.by_priority:
                return loss, errors.abs(){clamp}.detach()
            return loss

        def learn(self, settings):
            self.memory.push(1, 2, 3.0, 4, False)
            rows, at, weights = self.memory.sample(8, 0.4)
            loss = self.loss(rows, **settings)
            if isinstance(loss, tuple):
                loss, errors = loss
                self.memory.update(at, errors)
            loss.backward()
    """
    graph = project(memory=memory_text(), train=learner)
    (buffer,) = graph.buffers
    assert clamps_like_lap(graph.priorities(buffer)) is known


@pytest.mark.parametrize(("clamp", "known"), [(".clamp(min=1.0)", True), ("", False)])
def test_priorities_of_a_method_that_is_not_followed(project, memory_text, clamp, known):
    # where what a method computes is too long to be followed, bounds are looked for in its text
    large = " + ".join(f"self.net(rows) ** {power}" for power in range(40))
    learner = f"""
    import torch.nn.functional as F
    from memory import Memory

    class Learner:
        def __init__(self, net):
            self.net, self.memory = net, Memory(64)

        def errors(self, rows):
            return ((self.net(rows) - 1).abs(){clamp} + ({large}).abs(){clamp}) / 2

        def learn(self):
            self.memory.push(1, 2, 3.0, 4, False)
            rows, at, weights = self.memory.sample(8, 0.4)
            self.memory.update(at, self.errors(rows))
            F.smooth_l1_loss(self.net(rows), 0).backward()
    """
    graph = project(memory=memory_text(), train=learner)
    (buffer,) = graph.buffers
    assert clamps_like_lap(graph.priorities(buffer)) is known


@pytest.mark.parametrize(("loss", "known"), [("SmoothL1Loss", True), ("MSELoss", False)])
def test_a_loss_object_that_the_constructor_makes(project, memory_text, loss, known):
    learner = f"""
    import torch
    from memory import Memory

    class Learner:
        def __init__(self, net):
            self.net, self.memory = net, Memory(64)
            self.criterion = torch.nn.{loss}()

        def learn(self):
            self.memory.push(1, 2, 3.0, 4, False)
            rows, at, weights = self.memory.sample(8, 0.4)
            errors = (self.net(rows) - 1).abs()
            self.memory.update(at, errors.clamp(min=1.0))
            self.criterion(self.net(rows), torch.ones(8)).backward()
    """
    graph = project(memory=memory_text(), train=learner)
    (buffer,) = graph.buffers
    assert clamps_like_lap(graph.priorities(buffer)) is known


@pytest.mark.parametrize(
    ("floor", "made", "known"),
    [
        ("floor=1e-6", "Learner(net)", False),
        ("floor=1.0", "Learner(net)", True),
        ("floor", "Learner(net, settings.floor)", True),
    ],
)
def test_a_bound_that_the_memory_is_made_with(project, memory_text, floor, made, known):
    learner = f"""
    import torch.nn.functional as F
    from memory import Memory

    class Learner:
        def __init__(self, net, {floor}):
            self.net, self.memory, self.floor = net, Memory(64), floor

        def learn(self):
            self.memory.push(1, 2, 3.0, 4, False)
            rows, at, weights = self.memory.sample(8, 0.4)
            errors = (self.net(rows) - 1).abs()
            self.memory.update(at, [max(error, self.floor) for error in errors])
            F.smooth_l1_loss(self.net(rows), 0).backward()

    def main(net, settings):
        {made}.learn()
    """
    graph = project(memory=memory_text(), train=learner)
    (buffer,) = graph.buffers
    assert clamps_like_lap(graph.priorities(buffer)) is known
