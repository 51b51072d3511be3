"""What becomes of the weights of a prioritised buffer."""

import pytest

_BATCHES = (
    "d = {'rows': [self.rows[i] for i in at]}; d.update(dict(w=w, at=at)); return d",
    "d = {'rows': [self.rows[i] for i in at], 'at': at}; return {**d, 'w': w}",
    "d = {'rows': [self.rows[i] for i in at], 'at': at}; d |= {'w': w}; return d",
    "return dict([('rows', [self.rows[i] for i in at]), ('w', w), ('at', at)])",
)


@pytest.mark.parametrize(
    ("code", "known"),
    [
        ("errors = errors * torch.tensor(weights)", True),
        ("errors = weights * errors", True),
        ("fitted = net.unknown(weights)", True),
        ("import tensorflow as tf\nw = tf.Variable(weights)\nerrors = w * errors", True),
        ("import tensorflow as tf\nw = tf.Variable(weights)", False),
        ("feed = {'w': weights}", True),
        ("net.weights = weights", True),
        ("errors = errors * (weights * 0.5 + 1)", True),
        ("errors = errors * (weights * 0 + 1)", False),  # each is 1
        ("errors = errors * torch.ones_like(weights)", False),
        ("errors = errors * (torch.ones_like(weights) if net.plain else weights)", True),
        ("import tensorflow as tf\nerrors = tf.cond(at, lambda: tf.multiply(weights, errors), lambda: errors)", True),
        ("import tensorflow as tf\nweights = tf.cond(at, lambda: weights, lambda: 1)\nerrors *= weights", True),
        ("import tensorflow as tf\nerrors = tf.cond(at, lambda: errors, lambda: 2 * errors)", False),
        ("import jax\nerrors = jax.lax.cond(at, lambda e, w: e * w, lambda e, w: e, errors, weights)", True),
        ("errors = net.unknown(lambda: errors * weights)", True),
        ("errors = torch.tensor(weights) @ errors", True),
        ("errors = errors / (1 / torch.tensor(weights))", True),
        ("errors = torch.stack([torch.tensor(weights), errors]).prod(0)", True),
        ("both = torch.stack([torch.tensor(weights), errors])", False),
        ("given = [errors]\ngiven.append(weights)\nnet.unknown(*given)", True),
        ("given = [errors]\ngiven.append(at)\nnet.unknown(*given)", False),
        ("squares = errors**2\nnp.multiply(squares, weights, out=squares)", True),
        ("weights = weights / 3", False),
        ("weights = weights / net.scale", False),
        ("weights = net.to_device(weights)", False),
        ("weights = net.to_device(weights)\nerrors = weights * errors", True),
        ("weights = net.to_device(weights, errors)", True),
        ("w = net.to_device(weights)", True),
        ("import sys\nshown = (weights * errors.detach()).mean()\nsys.stdout.write(f'{shown:.3f}')", False),
        ("total = 0\nfor w, error in zip(weights, errors):\n    total += w * error\nprint(total / 8)", False),
        ("total = 0\nfor w, error in zip(weights, errors):\n    total += w * error\ntotal.backward()", True),
        ("total = 0\nfor w, error in zip(weights, errors):\n    total += w * error\nreturn total", True),
        ("(weights * errors).mean().backward()", True),
        ("loss = (weights * errors).mean()\nloss = errors.mean()\nloss.backward()", False),
        ("loss = (weights * errors).mean()\nloss = loss + errors.mean()\nloss.backward()", True),
        ("loss = (weights * errors).mean()\nloss.backward()\nloss = errors.mean()", True),
        ("loss = (weights * errors).mean()\nif net.plain:\n    loss = errors.mean()\nloss.backward()", True),
        ("net.losses.append((weights * errors).mean())", True),
        ("pass", False),
        ("print(weights)", False),
        ("w = torch.as_tensor(weights).float()", False),
        ("w = weights * 3", False),
        ("w = max(weights)", False),
        ("memory.update(at, weights * errors.detach().numpy())", False),
        ("rated = errors.abs()\nrated *= weights\nmemory.update(at, rated.detach().numpy())", False),
        ("rated = errors * weights\nagain = rated.abs()\nmemory.update(at, again.numpy())", False),
        ("rated = errors * weights\nmemory.update(at, rated.detach())\nrated.mean().backward()", True),
        ("rated = errors * weights\nmemory.push(1, 2, rated, 4, False)", True),
        ("loss = (weights * errors).mean()\nat = 1\nloss, other = errors.mean(), at\nloss.backward()", True),
        ("loss = (weights * errors).mean()\nloss += errors.mean()\nloss.backward()", True),
        ("if net.plain:\n    loss = (weights * errors).mean()\n    loss = errors.mean()\nelse:\n    loss = 0", False),
    ],
)
def test_whether_the_weights_reach_a_loss(priorities_of, code, known):
    assert priorities_of(code).weights_used() is known


@pytest.mark.parametrize("batch", _BATCHES)
@pytest.mark.parametrize("used", [True, False])
def test_weights_in_a_dictionary_of_the_batch(project, memory_text, batch, used):
    memory = memory_text().replace("return [self.rows[i] for i in at], at, w", batch)
    train = f"""
    from memory import Memory

    def train(net, other):
        memory = Memory(64)
        memory.push(1, 2, 3.0, 4, False)
        drawn = memory.sample(8, 0.4)
        errors = net(drawn["rows"])
        (drawn["{"w" if used else "at"}"] * errors**2).mean().backward()
    """
    (buffer,) = (graph := project(memory=memory, train=train)).buffers
    assert graph.priorities(buffer).weights_used() is used


def test_weights_that_are_written_into_another_array_are_not_followed(priorities_of):
    written = "w = np.empty(n)\n            np.power(len(self.rows) * p[at], -beta, out=w)"
    assert priorities_of(weights=written).weights_used()


@pytest.mark.parametrize(
    ("init", "read", "used"),
    [
        ("self.w = w", "batch.w", True),
        ("self.w = w", "batch.rows", False),
        ("self.w = w\n\n        def scaled(self):\n            return self.w / 2", "unknown(batch).scaled()", True),
        ("keep(self, w)", "batch.rows", True),  # nobody can tell what has become of them
    ],
)
def test_weights_inside_an_object(project, memory_text, init, read, used):
    memory = memory_text()
    batch = f"""
    class Batch:
        def __init__(self, rows, w):
            self.rows = rows
            {init}

    def loss(net, batch):
        return (net(batch.rows) * {read}).mean()
    """
    train = """
    from batch import Batch, loss
    from memory import Memory

    def train(net):
        memory = Memory(64)
        memory.push(1, 2, 3.0, 4, False)
        loss(net, memory.sample(8, 0.4)).backward()
    """
    memory = "    from batch import Batch\n" + memory.replace(
        "return [self.rows[i] for i in at], at, w", "return Batch([self.rows[i] for i in at], w)"
    )
    (buffer,) = (graph := project(memory=memory, batch=batch, train=train)).buffers
    assert graph.priorities(buffer).weights_used() is used


@pytest.mark.parametrize(
    ("code", "dropped"),
    [
        ("pass", 1),
        ("print(weights)", 1),
        ("weights = 1", 1),
        ("def f(): return weights", 0),
        ("def f(e, w): return e ** 2\nerrors = f(errors, weights)", 1),
        ("def f(e, w): return e * w\nerrors = f(errors, weights)", 0),
        ("errors = env.loss(errors, weights)", 0),
    ],
)
def test_weights_under_a_name_that_nothing_is_made_of(priorities_of, code, dropped):
    assert len(priorities_of(code).uses.dropped) == dropped


def test_what_a_network_makes_of_a_batch_is_no_batch(project, memory_text):
    train = """
    from memory import Memory

    class Net:
        def forward(self, rows):
            return rows * 2, rows * 3

    def train(optimizer):
        net, memory = Net(), Memory(64)
        memory.push(1, 2, 3.0, 4, False)
        rows, at, weights = memory.sample(8, 0.4)
        first, second = net.forward(weights)
        second.mean().backward()
    """
    graph = project(memory=memory_text(), train=train)
    (buffer,) = graph.buffers
    assert graph.priorities(buffer).uses.dropped == []


ROWS = """
    import random
    import numpy as np

    class Memory:
        def __init__(self, size):
            self.rows, self.priorities = [None] * size, np.zeros(size)

        def push(self, at, state, action, reward, next_state, done):
            self.rows[at] = (state, action, reward, next_state, done)
            self.priorities[at] = 1.0

        def sample(self, n, beta):
            p = self.priorities / self.priorities.sum()
            found = []
            for at in np.random.choice(len(self.rows), n, p=p):
                found.append((at, (len(self.rows) * p[at]) ** -beta, self.rows[at]))
            return [(at, weight / 2.0, row) for at, weight, row in found]

    memory = Memory(100)

    def train(net):
        memory.push(0, 1, 2, 3.0, 4, False)
        at, weights, rows = zip(*memory.sample(8, 0.4))
        loss = ({learnt} * net.errors(rows) ** 2).mean()
        loss.backward()

    train(read())
"""


@pytest.mark.parametrize(("learnt", "dropped"), [("np.array(weights)", 0), ("1.0", 1)])
def test_positions_that_are_not_read_are_no_weights(project, learnt, dropped):
    graph = project(ROWS.replace("{learnt}", learnt))
    (buffer,) = graph.buffers
    assert len(graph.priorities(buffer).uses.dropped) == dropped


DICTS = """
    import random
    import numpy as np

    class Memory:
        def __init__(self, size):
            self.rows, self.priorities = [], np.zeros(size)

        def push(self, row):
            self.rows.append(row)
            self.priorities[len(self.rows) - 1] = 1.0

        def draw(self, n):
            p = self.priorities / self.priorities.sum()
            at = np.random.choice(len(self.priorities), n, p=p)
            return at, p[at]

        def sample(self, n, beta):
            at, p = self.draw(n)
            weights = np.power(p * len(self.rows), -beta)
            found = []
            for i, weight in zip(at, weights):
                row = self.rows[i].copy()
                row["weight"] = weight
                row["id"] = i
                found.append(row)
            return found

    memory = Memory(100)

    def train(net, optimizer):
        memory.push({"state": 1, "action": 2, "reward": 3.0, "next": 4, "done": False})
        rows = memory.sample(8, 0.4)
        weights = np.array([row["weight"] for row in rows])
        loss = (weights * net.errors([row["state"] for row in rows]) ** 2).mean()
        loss.backward()

    train(read(), read())
"""


def test_weights_that_rows_carry_reach_the_loss(project):
    graph = project(DICTS)
    (buffer,) = graph.buffers
    assert graph.priorities(buffer).weights_used()


def test_weights_put_into_an_array_one_by_one_and_joined_with_others(priorities_of):
    each = "for k, j in enumerate(at):\n                w[k] = (len(self.rows) * p[j]) ** -beta"
    one_by_one = f"w = np.empty(n)\n            {each}"
    joined = "both = np.concatenate([weights, np.ones(8)])\nerrors = errors * torch.tensor(both)"
    assert priorities_of(joined, weights=one_by_one).weights_used()
    assert not priorities_of(joined.replace("errors = errors * ", "print"), weights=one_by_one).weights_used()


@pytest.mark.parametrize(("code", "known"), [("errors = torch.tensor(weights) * errors", True), ("pass", False)])
def test_weights_that_are_computed_by_logarithms(priorities_of, code, known):
    by_logarithms = "v = -beta * (np.log(len(self.rows)) + np.log(p[at]))\n            w = np.exp(v - v.max())"
    about = priorities_of(code, weights=by_logarithms)
    assert about.weights
    assert about.weights_used() is known


@pytest.mark.parametrize(
    ("code", "erased"),
    [
        ("errors = errors * (weights * 0 + 1)", 1),
        ("errors = errors * (0.0 * torch.tensor(weights) + 1)", 1),
        ("errors = errors * (weights * 0.5 + 1)", 0),
        ("errors = errors * 0", 0),
    ],
)
def test_products_that_leave_nothing_of_the_weights(priorities_of, code, erased):
    assert len(priorities_of(code).uses.erased) == erased


def test_a_trial_of_the_memory_drops_nothing_that_anyone_learns_with(project, memory_text):
    trial = """
    if __name__ == "__main__":
        m = Memory(8)
        m.push(1, 2, 3.0, 4, False)
        rows, at, _ = m.sample(2, 0.4)
        print(rows)
"""
    train = """
    from memory import Memory

    def train(net):
        memory = Memory(64)
        memory.push(1, 2, 3.0, 4, False)
        rows, at, weights = memory.sample(8, 0.4)
        net(rows).mean().backward()
    """
    (buffer,) = (graph := project(memory=memory_text() + trial, train=train)).buffers
    assert [unpack.path for unpack in graph.priorities(buffer).uses.dropped] == ["train.py"]


@pytest.mark.parametrize(
    ("kept", "used"),
    [
        ("self.on_draw(w)", True),  # by whom it is set, nobody sees
        ("d = Keeper(); d.set('w', w); self.last = d", True),
        ("print(w)", False),
        ("log = []; log.append(w)", False),
    ],
)
def test_weights_that_the_memory_hands_to_what_is_not_known(project, memory_text, kept, used):
    memory = memory_text().replace("at, w", "at, 0").replace("return [", f"{kept}\n            return [")
    train = """
    from memory import Memory

    def train(net):
        memory = Memory(64)
        memory.push(1, 2, 3.0, 4, False)
        rows, at, _ = memory.sample(8, 0.4)
        net.loss(net(rows), rows).backward()
    """
    memory = "    from elsewhere import Keeper\n" + memory
    (buffer,) = (graph := project(memory=memory, train=train)).buffers
    assert graph.priorities(buffer).weights_used() is used
