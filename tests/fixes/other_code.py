"""Code that has nothing to do with the replay of the program it stands in, though some of it looks like it."""

from __future__ import annotations

OTHERS = (
    '''
class Scores:
    """The last returns: nothing is learnt from them."""

    def __init__(self):
        self.last = deque(maxlen=100)

    def mean(self):
        return sum(self.last) / max(1, len(self.last))
''',
    """
def shuffled(cards, seed=0):
    dealer = random.Random(seed)
    weights = [dealer.random() for _ in cards]
    indices = sorted(range(len(cards)), key=weights.__getitem__)
    return [cards[i] for i in indices]
""",
    """
class Rollout:
    def __init__(self):
        self.rows = []

    def put(self, row):
        self.rows.append(row)

    def clear(self):
        del self.rows[:]
""",
    '''
HELP = """
    batch = random.sample(self.memory, 32)
  # this is no comment
"""
''',
    """
def countdown(n):
    def inner(k, *, step=1):
        while k > 0:
            yield k
            k -= step

    return list(inner(n))
""",
    """
class Point:
    x: int = 0; y: int = 0

    @property
    def norm(self):
        return (self.x ** 2 + self.y ** 2) ** .5

    @staticmethod
    def of(pair): return Point()
""",
    """
async def fetch(url, *, tries=3):
    for attempt in range(tries):
        if attempt: print(f"{url!r} again: {attempt:>3}")
    return { 'url' : url }
""",
    """
def smooth(source, goal, tau = 0.5):
    for old, new in zip(goal.parameters(), source.parameters()):
        old.data.copy_(tau*new.data+(1 - tau)*old.data)
""",
    """
if False:
    print( "never" )
else:
    total = sum(x
        for x in range(3))
""",
)
