"""What the weights are said to meet."""

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit.rule import all_rules


@pytest.mark.parametrize(
    ("multiplied", "what"),
    [
        ("torch.mean(torch.mul(w, errors.pow(2)))", "errors"),
        ("-torch.mean(w * self.critic(state, self.actor(state)))", "values"),
        ("torch.mean(-self.critic(state, self.actor(state)) * w)", "values"),
    ],
)
def test_what_a_network_answers_is_no_error(multiplied, what):
    (rule,) = (rule for rule in all_rules() if rule.code == "PER102")
    files = next(e.plain for e in rule.bad if e.title.startswith("a critic of width one"))
    written = "torch.mean(torch.mul(w, errors.pow(2)))"
    assert written in files["ddpg.py"]
    files = files | {"ddpg.py": files["ddpg.py"].replace(written, multiplied)}
    (finding,) = rule.check(link([extract(path, text.encode()) for path, text in files.items()]))
    assert f"times {what} of shape (B, 1)" in finding.message
    assert f"that of the {what}, and" in finding.message


_RATED = """
import numpy as np
import torch
import torch.nn.functional as F


class Memory:
    def __init__(self, size):
        self.rows, self.mass = [None] * size, np.zeros(size)

    def put(self, slot, state, action, reward, next_state, done):
        self.rows[slot], self.mass[slot] = (state, action, reward, next_state, done), 1.0

    def sample(self, n):
        p = self.mass / self.mass.sum()
        slots = np.random.choice(len(p), n, p=p)
        weights = (len(p) * p[slots]) ** -0.4
        return [self.rows[slot] for slot in slots], slots, weights

    def rate(self, slots, priorities):
        for slot, priority in zip(slots, priorities):
            self.mass[slot] = priority


class Agent:
    def __init__(self, net, target_net, optimizer):
        self.net, self.target_net, self.optimizer, self.memory = net, target_net, optimizer, Memory(1000)

    def learn(self):
        rows, slots, weights = self.memory.sample(64)
        states, actions, rewards, next_states, ends = map(torch.as_tensor, zip(*rows))
        target = rewards + 0.99 * (1 - ends) * self.target_net(next_states).max(1)[0].detach()
        errors = target.unsqueeze(1) - self.net(states).gather(1, actions[:, None])
        rated = errors.detach().pow(2) * torch.as_tensor(weights) + 1e-5
        self.memory.rate(slots, rated.numpy()[0])
        (LOSS).mean().backward()
        self.optimizer.step()
"""


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        ("errors.pow(2)", "priorities that are made of it mix each weight with the errors of other transitions"),
        ("rated", "its mean is that of the weights times that of the errors, and corrects nothing"),
    ],
)
def test_what_becomes_of_the_matrix(loss, said):
    (rule,) = (rule for rule in all_rules() if rule.code == "PER102")
    (finding,) = rule.check(link([extract("agent.py", _RATED.replace("LOSS", loss).encode())]))
    assert finding.message.endswith(said)


@pytest.mark.parametrize(
    ("loss", "told"),
    [
        (
            "(weights * (q - target) ** 2).mean()",
            "(B, 1) make a (B, B) matrix: its mean is that of the weights times that of the errors",
        ),
        (
            "F.mse_loss(weights * q, weights * target)",
            "times values of shape (B, 1) make a (B, B) matrix: each weight meets the values of all transitions",
        ),
        (
            "(weights * (q - (rows.goals(at) + target)) ** 2).mean()",
            "times errors of shape (B, 1) or wider make a (B, B) matrix: each weight meets the errors of all",
        ),
    ],
)
def test_the_mean_is_told_where_the_matrix_is_the_loss_and_its_sides_have_known_shapes(loss, told):
    (rule,) = (rule for rule in all_rules() if rule.code == "PER102")
    text = f"""
import numpy as np
import torch
import torch.nn.functional as F


def learn(net, optimizer, rows, states, actions, goals, priorities, beta):
    p = priorities / priorities.sum()
    at = np.random.choice(len(rows), 32, p=p)
    weights = torch.as_tensor((len(rows) * p[at]) ** -beta)
    q = net(states[at]).gather(1, actions[at].reshape(-1, 1))
    target = net(goals[at]).max(1, keepdim=True)[0].detach()
    loss = {loss}
    loss.backward()
    optimizer.step()
"""
    found = [finding.message for finding in rule.check(link([extract("learn.py", text.encode())]))]
    assert told in found[0]


@pytest.mark.parametrize(
    ("answer", "index", "count"),
    [
        ("self.head(self.rnn(states)[0])", "actions", 0),  # a value for each step of each row
        ("self.body(states)", "actions[:, 4:]", 0),
        ("self.body(states)", "actions", 1),
    ],
)
def test_values_of_steps_of_sequences_are_no_row(answer, index, count):
    (rule,) = (rule for rule in all_rules() if rule.code == "PER102")
    text = f"""
import numpy as np
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.head = nn.LSTM(8, 16, batch_first=True), nn.Linear(16, 4)
        self.body = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))

    def forward(self, states):
        return {answer}


def learn(optimizer, rows, states, actions, goals, priorities, beta):
    p = priorities / priorities.sum()
    at = np.random.choice(len(rows), 32, p=p)
    weights = torch.as_tensor((len(rows) * p[at]) ** -beta)
    net = Net()
    actions = torch.stack([actions[i] for i in at])
    errors = goals[at] - net(states[at]).gather(-1, {index}.unsqueeze(-1)).squeeze(-1)
    (weights.unsqueeze(1) * errors.pow(2)).mean().backward()
    optimizer.step()
"""
    assert len(list(rule.check(link([extract("learn.py", text.encode())])))) == count
