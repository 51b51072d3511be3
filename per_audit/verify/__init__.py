"""Verification: measures that a replay buffer behaves as prioritised experience replay must.

`per_audit.verify.run.verify` is the entry point. This package and `child`, `checks` and `results` below it are imported
in the process that runs the target's code, possibly by another interpreter: they need numpy and nothing else.
"""
