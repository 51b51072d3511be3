"""What a file means of another and does not come to is said of what nothing makes."""

import pytest

from per_audit.audit import audit_report
from per_audit.settings import Settings

PLAYER = """import random
from collections import deque


class Player:
    def __init__(self, net, optimizer):
        self.net, self.optimizer, self.rows = net, optimizer, deque(maxlen=100)

    def keep(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def learn(self):
        self.net.loss(random.sample(self.rows, 8)).backward()
        self.optimizer.step()
"""
LOOP = """
    player.keep(*env.step(0))
    player.learn()
"""
MADE = f"player = Player(net, optimizer)\nwhile True:{LOOP}"
SAID = " (not run as it stands: nothing in the project makes Player"


def told(root, files):
    for name, text in {"agent.py": PLAYER, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    report = audit_report(root, [root], Settings(root))
    (message,) = {finding.message for finding in report.findings if finding.rule == "PER001"}
    return message.partition("nothing draws them by priority")[2]


@pytest.mark.parametrize(
    ("files", "more"),
    [
        ({"main.py": MADE}, "; main.py calls it, and does not import it"),
        ({"main.py": f"import gym\n{MADE}"}, "; main.py calls it, and does not import it"),
        (
            {"main.py": f"from player import Player\n{MADE}"},
            "; main.py imports it from `player`, and there is no such file",
        ),
        ({}, ""),
        ({"main.py": f"from players import Player\n{MADE}"}, ""),  # a library, perhaps
        ({"main.py": f"from other import *\n{MADE}"}, ""),
        ({"main.py": f"from other import Other as Player\n{MADE}"}, ""),
        ({"main.py": f"from other import Player\n{MADE}", "other.py": "class Player:\n    pass\n"}, ""),
        ({"main.py": f"class Player:\n    pass\n{MADE}"}, ""),
        ({"main.py": f"Player = print\n{MADE}"}, ""),
        ({"main.py": f"# {MADE}"}, ""),
        ({"elsewhere/main.py": MADE}, ""),
        ({"README.md": f"```python\n{MADE}```\n"}, ""),
    ],
)
def test_what_a_file_means_in_vain(tmp_path, files, more):
    assert told(tmp_path, files) == f"{SAID}{more})"


def test_what_is_imported_is_made(tmp_path):
    assert told(tmp_path, {"main.py": f"from agent import Player\n{MADE}"}) == ""
