"""Which of several networks answers for a row is drawn, and no row."""

import pytest

from per_audit.graph import UNIFORM

PROGRAM = """
    import gymnasium
    import numpy as np
    import torch


    class Committee(torch.nn.Module):
        def __init__(self, parts, width):
            super().__init__()
            self.parts = torch.nn.ModuleList([torch.nn.Linear(width, width) for _ in range(parts)])
            self.best = [i for i in range(parts)]
            self.said = None

        def forward(self, given):
            return torch.stack([part(given) for part in self.parts])

        def some(self, many):
            which = np.random.choice(self.best, size=many)
            return which

        def answer(self, given):
            said = self.forward(given).detach().cpu().numpy()
            _, many, _ = said.shape
            {answer}


    class Imagined:
        def __init__(self, model):
            self.model = model

        def step(self, state, action):
            said = self.model.answer(torch.cat([state, action], -1))
            batch = {{"states": state, "actions": action, "rewards": said[:, 0], "next_states": said[:, 1:]}}
            batch["dones"] = said[:, 1] > 1
            return batch


    class Agent:
        def __init__(self, net):
            self.net = net
            self.optim = torch.optim.Adam(net.parameters())

        def update(self, state, action, reward, next_state, done):
            with torch.no_grad():
                target = reward + 0.99 * (1 - done) * self.net(next_state).max(1)[0]
            loss = ((self.net(state).gather(1, action) - target) ** 2).mean()
            self.optim.zero_grad()
            loss.backward()
            self.optim.step()


    def main(net):
        env, agent = gymnasium.make("Hopper-v5"), Agent(net)
        dreamt = Imagined(Committee(5, 8))
        state, _ = env.reset()
        while True:
            state, reward, done, _, _ = env.step(agent.net(state).argmax())
            batch = dreamt.step(state, agent.net(state).argmax(1))
            states, actions, rewards = batch["states"], batch["actions"], batch["rewards"]
            agent.update(states, actions, rewards, batch["next_states"], batch["dones"])
"""
DRAWN = "which = np.random.choice(self.best, size=many)"


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (f"{DRAWN}; return said[which, np.arange(0, many)]", []),
        (f"{DRAWN}; rows = np.arange(many); return said[which, rows]", []),
        ("return said[np.random.choice(self.best, size=many), np.arange(many)]", []),
        ("which = self.some(many); return said[which, np.arange(many)]", []),
        ("return said[self.some(many), np.arange(many)]", []),
        (f"{DRAWN}; return said[which]", [UNIFORM]),
        (f"{DRAWN}; return said[which, np.arange(1, many)]", [UNIFORM]),
        (f"{DRAWN}; return self.said[which, np.arange(many)]", [UNIFORM]),
        (f"{DRAWN}; kept = self.said; return kept[which, np.arange(many)]", [UNIFORM]),
        (f"{DRAWN}; return said[which, np.arange(many)] + said[which].mean()", [UNIFORM]),
    ],
)
def test_what_is_drawn_is_an_answer_of_each_row(project, answer, found):
    graph = project(PROGRAM.format(answer=answer))
    assert [buffer.kind for buffer in graph.buffers] == found
