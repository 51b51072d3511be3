"""An oracle: proportional draws without an error of rounding, against which the sampling trees are tested."""

import math
from fractions import Fraction


class ExponentBuckets:
    """Slots drawn with probabilities exactly proportional to their leaves, which are floats > 0 of any magnitude.

    A bucket holds the slots whose leaves share a binary exponent e: 2^(e-1) <= leaf < 2^e. A bucket is drawn by the
    bound size * 2^e, a slot in it uniformly, and the slot is accepted with probability leaf / 2^e >= 1/2. All of it is
    done in integers; no float is added to another.

    Args:
        random: a `random.Random`, whose `randrange` is exact for integers of any size.
    """

    def __init__(self, random):
        self._random = random
        self._leaves = {}
        self._buckets = {}

    def set(self, slot, leaf):
        """Give a slot its leaf; 0 empties it."""
        if slot in self._leaves:
            bucket = self._buckets[math.frexp(self._leaves.pop(slot))[1]]
            bucket.remove(slot)
        if leaf:
            self._leaves[slot] = leaf
            self._buckets.setdefault(math.frexp(leaf)[1], []).append(slot)

    def probability(self, slot):
        """A `Fraction`."""
        return Fraction(self._leaves.get(slot, 0.0)) / sum(map(Fraction, self._leaves.values()))

    def draw(self, count):
        """A list of `count` slots, independently and with replacement."""
        exponents = [exponent for exponent, bucket in self._buckets.items() if bucket]
        lowest = min(exponents)
        bounds = [len(self._buckets[exponent]) << (exponent - lowest) for exponent in exponents]
        total = sum(bounds)
        drawn = []
        while len(drawn) < count:
            # The point falls into a bucket, and its remainder there to one of the slots: both are uniform.
            point, at = self._random.randrange(total), 0
            while point >= bounds[at]:
                point -= bounds[at]
                at += 1
            exponent = exponents[at]
            slot = self._buckets[exponent][point >> (exponent - lowest)]
            mantissa = int(math.ldexp(self._leaves[slot], 53 - exponent))
            if self._random.randrange(1 << 53) < mantissa:
                drawn.append(slot)
        return drawn
