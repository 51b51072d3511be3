"""Names of states, actions and rewards in no language that the audit knows: told by what the loop does with them."""

import textwrap

import pytest

SHOP = """
    import random
    import numpy as np
    import torch

    class Lager:
        def anfang(self):
            self.stand = np.zeros(3)
            return self.stand

        def zug(self, wahl):
            self.stand = self.stand + wahl
            return self.stand, -float(np.abs(self.stand).sum()), bool(self.stand[0] > 4)
"""
TRAIN = """
    netz, ziel = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    schritt = torch.optim.Adam(netz.parameters())
    lager, speicher = Lager(), []

    for runde in range(500):
        lage, ende = lager.anfang(), False
        while not ende:
            wahl = int(netz(torch.as_tensor(lage)).argmax())
            folge, lohn, ende = lager.zug(wahl)
            speicher.append((lage, wahl, lohn, folge, ende))
            lage = folge
            if len(speicher) > 32:
                teil = zip(*random.sample(speicher, 32))
                a, b, c, d, e = (torch.as_tensor(np.array(spalte)) for spalte in teil)
                y = c + 0.97 * (1 - e) * ziel(d).max(1)[0].detach()
                loss = ((netz(a).gather(1, b[:, None])[:, 0] - y) ** 2).mean()
                schritt.zero_grad()
                loss.backward()
                schritt.step()
"""


def roles(graph):
    return {node.id: role for node, role in graph.interpreter.interactions.roles.items()}


def test_a_loop_tells_what_its_names_stand_for(project):
    graph = project(textwrap.dedent(SHOP) + textwrap.dedent(TRAIN))
    assert roles(graph) == {"lage": "state", "wahl": "action", "lohn": "reward", "folge": "next", "ende": "done"}
    assert graph.interpreter.interactions.is_unspoken
    (memory,) = graph.buffers
    assert graph.name_of(memory) == "speicher"
    assert memory.roles == {"state", "action", "reward", "next", "done"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # What is drawn is learnt from in another way: the outcome alone, as a supervised model has it.
        ("c + 0.97 * (1 - e) * ziel(d).max(1)[0].detach()", "c"),
        # A rollout: what was drawn from is gone before the next is stored.
        ("teil = zip(*random.sample(speicher, 32))", "teil = zip(*random.sample(speicher, 32)); speicher = []"),
        # Nothing takes the state's place, so that the answers follow on nothing.
        ("lage = folge\n", "pass\n"),
        # The action follows from no state.
        ("netz(torch.as_tensor(lage))", "netz(torch.zeros(3))"),
        # Nothing asks for the flag.
        ("while not ende:", "for _ in range(50):"),
    ],
)
def test_other_loops_fill_no_memory(project, old, new):
    train = textwrap.dedent(TRAIN)
    assert old in train
    assert not project(textwrap.dedent(SHOP) + train.replace(old, new)).buffers


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("lage = folge\n", "lage = lager.anfang() if ende else folge\n"),
        ("lage = folge\n", "lage = folge.copy()\n"),
        ("folge, lohn, ende = lager.zug(wahl)", "folge, lohn, aus, zeit = lager.zug(wahl)\n        ende = aus or zeit"),
        ("int(netz(torch.as_tensor(lage)).argmax())", "random.randrange(2) if random.random() < 0.1 else netz(lage)"),
        ("speicher.append((lage, wahl, lohn, folge, ende))", "speicher.append(dict(v=lage, w=wahl, l=lohn, n=folge))"),
    ],
)
def test_loops_of_other_forms_fill_one(project, old, new):
    train = textwrap.dedent(TRAIN)
    assert old in train
    (memory,) = project(textwrap.dedent(SHOP) + train.replace(old, new)).buffers
    assert {"state", "action", "reward", "next"} <= memory.roles


def test_names_that_tell_their_roles_keep_them(project):
    named = TRAIN.replace("lohn", "reward").replace("wahl", "action")
    graph = project(textwrap.dedent(SHOP) + textwrap.dedent(named))
    assert roles(graph) == {"lage": "state", "folge": "next", "ende": "done"}
    assert not graph.interpreter.interactions.is_unspoken
    (memory,) = graph.buffers
    assert {"reward", "action"} <= memory.roles


def test_an_object_that_a_loop_acts_in_is_an_environment_whatever_its_methods_are_called(project):
    """Its own chances are no draws from the lists that it holds."""
    chance = SHOP.replace("self.stand + wahl", "self.stand + wahl + random.choice([(0, 1.0, 1), (1, 0.0, 2)])[0]")
    (memory,) = project(textwrap.dedent(chance) + textwrap.dedent(TRAIN)).buffers
    assert [draw.start for draw in memory.draws] != []
    assert memory.owner is None


def test_what_is_called_a_reward_is_what_was_earned_wherever_it_stands(project):
    told = TRAIN.replace("folge, lohn, ende = lager.zug(wahl)", "folge, ort, reward, ende = lager.zug(wahl)")
    shop = SHOP.replace("return self.stand, -float", "return self.stand, self.stand[:2], -float")
    graph = project(textwrap.dedent(shop) + textwrap.dedent(told.replace("lohn", "reward")))
    assert "ort" not in roles(graph)
    assert not graph.interpreter.interactions.is_unspoken
    (memory,) = graph.buffers
    assert memory.roles == {"state", "action", "reward", "next", "done"}
