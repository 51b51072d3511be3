"""Repairs: prioritised replay that is there and broken, mended where it stands.

One module for each rule: `RULE` is its code, and `repair(draft, defect)` makes the edits or raises Refused. A repair
that rests on more than the code shows says so in `draft.assumptions`. A rule without a module is for a person.
"""
