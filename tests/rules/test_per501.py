"""What PER501 says of the ends of episodes that a class stores for one agent and not for another."""

from per_audit.facts import extract
from per_audit.graph import link
from per_audit.rule import all_rules


def test_the_end_that_another_agent_stores_is_none_of_this_one():
    (rule,) = (rule for rule in all_rules() if rule.code == "PER501")
    (text,) = (example.plain["agents.py"] for example in rule.bad if "another agent" in example.title)
    (finding,) = rule.check(link([extract("agents.py", text.encode())]))
    assert finding.message.endswith("is known where transitions are stored, and is not stored")
    stored = [link.place.line for link in finding.evidence if link.role == "stored"]
    assert [text.splitlines()[line - 1].strip() for line in stored] == [
        "self.memory.put((state, action, reward, next_state))"
    ]


def test_a_flag_that_is_stored_as_its_opposite_is_told_as_that():
    (rule,) = (rule for rule in all_rules() if rule.code == "PER501")
    (text,) = (example.plain["agent.py"] for example in rule.bad if "takes the opposite of it" in example.title)
    (finding,) = rule.check(link([extract("agent.py", text.encode())]))
    assert finding.message.endswith("and nowhere else: the mask is the wrong way round")
    (stored,) = (link.note for link in finding.evidence if link.role == "stored")
    assert stored == "transitions are stored here with the opposite of what the step said"
    assert finding.fix.title.endswith("the flag is stored as that already")
