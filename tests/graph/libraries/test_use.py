"""Whether a project gives priorities back to a library's prioritised buffer, and uses its weights."""

import pytest

from per_audit.rule import all_rules

BASELINES = """
    import torch
    from baselines.deepq.replay_buffer import PrioritizedReplayBuffer


    class Learner:
        def __init__(self, net, optimizer):
            self.memory = PrioritizedReplayBuffer(10000, alpha=0.6)
            self.net, self.optimizer = net, optimizer

        def observe(self, s, a, r, s2, d):
            self.memory.add(s, a, r, s2, d)

        def learn(self, beta):
            {take}
            errors = self.net.errors({given})
            loss = {loss}
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            {after}
"""
TAKE = "s, a, r, s2, d, weights, indices = self.memory.sample(32, beta)"
GIVEN = "s, a, r, s2, d"
LOSS = "(torch.as_tensor(weights) * errors ** 2).mean()"
PLAIN = "(errors ** 2).mean()"
UPDATE = "self.memory.update_priorities(indices, errors.abs().detach().numpy())"


def use_of(project, text):
    graph = project(text)
    (buffer,) = graph.library
    return graph.library_use(buffer)


@pytest.mark.parametrize(
    ("after", "updated"),
    [
        (UPDATE, True),
        ("self.net.on_errors = lambda e: self.memory.update_priorities(indices, e)", True),
        ("self.net.give_back(self.memory.update_priorities)", True),
        ("print(len(self.memory))", False),
        ("pass", False),
    ],
)
def test_updates_are_seen_however_they_are_reached(project, after, updated):
    use = use_of(project, BASELINES.format(take=TAKE, given=GIVEN, loss=LOSS, after=after))
    assert use.is_trained_on()
    assert use.updated() == updated


def test_an_update_of_something_unknown_may_be_the_buffers(project):
    text = BASELINES.format(take=TAKE, given=GIVEN, loss=LOSS, after="pass")
    text += "\n\n    def elsewhere(memory, indices, errors):\n        memory.update_priorities(indices, errors)\n"
    assert use_of(project, text).updated()


@pytest.mark.parametrize(
    ("take", "given", "loss", "missing"),
    [
        (TAKE, GIVEN, LOSS, False),
        (TAKE, GIVEN, PLAIN, True),
        (TAKE.replace("weights", "_"), GIVEN, PLAIN, True),
        ("*batch, weights, indices = self.memory.sample(32, beta)", "*batch", LOSS, False),
        ("*batch, weights, indices = self.memory.sample(32, beta)", "*batch", PLAIN, True),
        ("batch = self.memory.sample(32, beta)\n            indices = batch[6]", "batch", PLAIN, False),
        ("batch = self.memory.sample(32, beta)\n            indices = batch[-1]", "batch[0]", PLAIN, False),
        (TAKE, f"{GIVEN}, weights", PLAIN, False),
        (TAKE, f"{GIVEN}, sample_weight=weights", PLAIN, False),
        (TAKE, GIVEN, "self.net.reduce(errors, weights)", False),
    ],
)
def test_weights_by_their_place_in_a_tuple(project, take, given, loss, missing):
    use = use_of(project, BASELINES.format(take=take, given=given, loss=loss, after=UPDATE))
    assert bool(use.missing_weights()) == missing


FIELDS = """
    import torch
    {imports}


    def train(env, net, optimizer, key):
        memory = {made}
        while True:
            {take}
            errors = net.errors({read})
            loss = {loss}
            loss.backward()
            optimizer.step()
            {update}
"""
CPPRB = {
    "imports": "import cpprb",
    "made": "cpprb.PrioritizedReplayBuffer(100, {'obs': {}})",
    "take": "batch = memory.sample(32)",
    "read": "batch['obs']",
    "update": "memory.update_priorities(batch['indexes'], errors)",
    "weights": "batch['weights']",
}
TIANSHOU = {
    "imports": "from tianshou.data import PrioritizedReplayBuffer",
    "made": "PrioritizedReplayBuffer(100, alpha=0.6, beta=0.4)",
    "take": "batch, indices = memory.sample(32)",
    "read": "batch.obs",
    "update": "memory.update_weight(indices, errors)",
    "weights": "batch.weight",
}
FLASHBAX = {
    "imports": "import flashbax as fbx",
    "made": "fbx.make_prioritised_flat_buffer(100, 9, 9)",
    "take": "batch = memory.sample(net.state, key)",
    "read": "batch.experience.first",
    "update": "net.state = memory.set_priorities(net.state, batch.indices, errors)",
    "weights": "batch.probabilities",
}
AGILERL = {
    "imports": "from agilerl.components import PrioritizedReplayBuffer",
    "made": "PrioritizedReplayBuffer(100, alpha=0.6)",
    "take": "batch = memory.sample(32, beta=0.4)",
    "read": "batch['obs']",
    "update": "memory.update_priorities(batch['idxs'], errors)",
    "weights": "batch['weights']",
}
LIBRARIES = [
    pytest.param(library, id=name)
    for name, library in {"cpprb": CPPRB, "tianshou": TIANSHOU, "flashbax": FLASHBAX, "agilerl": AGILERL}.items()
]


@pytest.mark.parametrize("library", LIBRARIES)
def test_weights_by_the_name_of_their_field(project, library):
    weighted = FIELDS.format(**library, loss=f"({library['weights']} * errors ** 2).mean()")
    plain = FIELDS.format(**library, loss="(errors ** 2).mean()")
    assert not use_of(project, weighted).missing_weights()
    assert "never read" in use_of(project, plain).missing_weights()


@pytest.mark.parametrize(
    ("library", "loss"),
    [
        (FLASHBAX, "(batch.priorities ** -0.4 * errors ** 2).mean()"),
        (CPPRB, "net.loss(errors, *batch.values())"),
        (CPPRB, "sum(net.loss(errors, key, value) for key, value in batch.items())"),
    ],
)
def test_weights_by_another_name_or_with_all_other_fields(project, library, loss):
    assert not use_of(project, FIELDS.format(**library, loss=loss)).missing_weights()


@pytest.mark.parametrize("library", LIBRARIES)
def test_updates_by_the_methods_of_each_library(project, library):
    with_update = FIELDS.format(**library, loss="errors.mean()")
    without = FIELDS.format(**{**library, "update": "pass"}, loss="errors.mean()")
    assert use_of(project, with_update).updated()
    assert not use_of(project, without).updated()
    assert use_of(project, without).is_trained_on()


def test_only_the_field_of_the_weights_is_one(project, value_of):
    graph = project(FIELDS.format(**CPPRB, loss="(batch['weights'] * errors).mean()"))
    assert value_of(graph, "batch['weights']").tagged("isw")
    assert not value_of(graph, "batch['obs']").tagged("isw")
    assert not value_of(graph, "batch['indexes']").tagged("isw")


@pytest.mark.parametrize(
    "change",
    [
        ("memory = ", "memory = net.keep("),  # handed to an object of another library
        ("errors = net.errors(batch['obs'])", "errors = net.errors(batch)"),  # a batch that is weighed elsewhere
    ],
)
def test_what_happens_inside_of_other_libraries_is_not_judged(project, change):
    old, new = change
    text = FIELDS.format(**{**CPPRB, "update": "pass"}, loss="(errors ** 2).mean()").replace(old, new)
    text = text.replace("{'obs': {}})", "{'obs': {}}))") if new.endswith("(") else text
    graph = project(text)
    for buffer in graph.library:
        use = graph.library_use(buffer)
        assert not use.is_trained_on() or not use.missing_weights()


def test_a_batch_that_nobody_learns_from_is_not_judged(project):
    text = FIELDS.format(**CPPRB, loss="0").replace("loss.backward()", "print(loss)")
    assert not use_of(project, text).is_trained_on()


def test_tests_are_not_judged(project):
    graph = project(tests__test_memory=FIELDS.format(**{**CPPRB, "update": "pass"}, loss="errors.mean()"))
    assert not any(graph.library_use(buffer).is_trained_on() for buffer in graph.library)


def test_the_buffer_of_one_file_and_the_learner_of_another(project):
    graph = project(
        memory="import cpprb\n\n\ndef make():\n    return cpprb.PrioritizedReplayBuffer(100, {'obs': {}})\n",
        train="""
        from memory import make


        def step(net, batch):
            return net.errors(batch["obs"])


        def train(net, optimizer):
            memory = make()
            for _ in range(1000):
                batch = memory.sample(32)
                loss = (step(net, batch) ** 2).mean()
                loss.backward()
                optimizer.step()
        """,
    )
    (buffer,) = graph.library
    use = graph.library_use(buffer)
    assert use.is_trained_on()
    assert not use.updated()
    assert use.missing_weights()


@pytest.mark.parametrize("library", [CPPRB, TIANSHOU, AGILERL])
def test_weights_that_meet_an_averaged_loss_are_products_like_any_other(project, library):
    loss = f"({library['weights']} * torch.nn.functional.mse_loss({library['read']}, errors)).mean()"
    (weighting,) = project(FIELDS.format(**library, loss=loss)).events.weightings.values()
    assert weighting.other_value.reduction == "scalar"


TORCHRL = """
    import torch
    {imported}
    from torchrl.data import LazyTensorStorage, TensorDictPrioritizedReplayBuffer


    class Learner:
        def __init__(self, net, optimizer):
            self.memory = TensorDictPrioritizedReplayBuffer(alpha=0.7, beta=0.5, storage=LazyTensorStorage(10_000))
            self.net, self.optimizer = net, optimizer

        def observe(self, transition):
            self.memory.extend(transition)

        def learn(self):
            batch = self.memory.sample(32)
            errors = self.net(batch["obs"]) - batch["reward"] - self.net(batch["next"]).detach()
            loss = {loss}
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            batch.set("td_error", errors.abs().detach())
            {after}
"""
GIVEN_BACK = "self.memory.update_tensordict_priority(batch)"


@pytest.mark.parametrize(
    ("imported", "loss", "after", "missing"),
    [
        ("", "errors.pow(2).mean()", GIVEN_BACK, True),
        ("", '(batch["_weight"] * errors.pow(2)).mean()', GIVEN_BACK, False),
        ("from torchrl.objectives import DQNLoss", "errors.pow(2).mean()", GIVEN_BACK, False),
        ("", "errors.pow(2).mean()", "pass", False),
    ],
)
def test_losses_of_the_projects_own_beside_a_library_whose_losses_weigh(project, imported, loss, after, missing):
    use = use_of(project, TORCHRL.format(imported=imported, loss=loss, after=after))
    assert bool(use.missing_weights()) is missing


@pytest.mark.parametrize(
    ("update", "dropped", "updated"),
    [
        (FLASHBAX["update"], 0, True),
        ("memory.set_priorities(net.state, batch.indices, errors)", 1, False),
        ("_ = memory.set_priorities(net.state, batch.indices, errors)", 1, False),
        ("net.keep(memory.set_priorities(net.state, batch.indices, errors))", 0, True),
        ("net.rate = jit(memory.set_priorities)", 0, True),
        ("memory = memory.replace(set_priorities=jit(memory.set_priorities))", 0, False),
        ("memory = memory.replace(sample=jit(memory.set_priorities))", 0, True),
        ("memory.replace(set_priorities=jit(memory.set_priorities)).set_priorities(net.state, 0, 0)", 1, False),
    ],
)
def test_a_buffer_whose_methods_return_what_they_change(project, update, dropped, updated):
    code = FIELDS.format(**{**FLASHBAX, "update": update}, loss="(errors ** 2).mean()")
    use = use_of(project, code)
    assert use.updated() is updated
    assert len(use.dropped_updates()) == dropped


def test_what_a_buffer_that_changes_itself_returns_may_be_dropped(project):
    use = use_of(project, FIELDS.format(**CPPRB, loss="(errors ** 2).mean()"))
    assert use.updated()
    assert not use.dropped_updates()


@pytest.mark.parametrize(
    ("loss", "codes"),
    [
        ("(torch.as_tensor(weights) * (q - goals) ** 2).mean()", []),
        ("(torch.as_tensor(weights) * F.mse_loss(q, goals)).mean()", ["PER101"]),
        ("F.mse_loss(q, goals)", []),  # asked for; whether a loss takes them is not followed
    ],
)
def test_weights_that_a_buffer_is_asked_for_beside_the_draw(project, loss, codes):
    graph = project(f"""
        import torch
        import torch.nn.functional as F
        from tianshou.data import PrioritizedReplayBuffer

        memory = PrioritizedReplayBuffer(size=50000, alpha=0.6, beta=0.4)


        def learn(net, goals, optimizer):
            batch, at = memory.sample(64)
            weights = memory.get_weight(at)
            q = net(torch.as_tensor(batch.obs)).max(1).values
            loss = {loss}
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            memory.update_weight(at, (q - goals).detach())
    """)
    rules = [rule for rule in all_rules() if rule.code in ("PER005", "PER101")]
    assert [finding.rule for rule in rules for finding in rule.check(graph)] == codes
