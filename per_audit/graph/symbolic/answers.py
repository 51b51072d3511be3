"""What a session of TensorFlow 1 was asked for: its answers are the values of just that."""

from __future__ import annotations

from per_audit.facts import ir
from per_audit.graph.symbolic.term import Term, item_of

# Which part of a call is asked for: the object is the first of its parts where it is not known what it is.
_ASKS = {".run": 1, ".eval": 0}


def asked(term: Term) -> Term | None:
    """What a term is the answer to, of `session.run(asked, feed_dict=...)` or `asked.eval(feed_dict=...)`."""
    answer = term.args[0] if term.op == "item" else term
    node = answer.node
    name = str(answer.data)
    if answer.op != "call" or not isinstance(node, ir.Call) or not name.endswith(tuple(_ASKS)):
        return None
    place = _ASKS.get(name, 0)
    if len(answer.args) <= place:
        return None
    fed = node.argument(None, "feed_dict") is not None or any(
        part.op == "record" for part in answer.args[place + 1 : place + 2]
    )
    if not fed and not name.endswith("Session.run"):
        return None
    found = answer.args[place]
    return item_of(found, term.data, term.node, term.path) if term.op == "item" else found
