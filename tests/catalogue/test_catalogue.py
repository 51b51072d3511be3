import pytest

from per_audit.catalogue import Catalogue


@pytest.mark.parametrize(
    ("select", "on"),
    [([], False), (["PER"], False), (["PER1"], False), (["PER102"], True), (["weights-broadcast"], True)],
)
def test_a_pedantic_rule_is_on_only_when_it_is_named(engine, monkeypatch, select, on):
    monkeypatch.setattr(type(engine.rules[2]), "pedantic", True)
    assert ("PER102" in {rule.code for rule in Catalogue().choose(select, [])}) is on
