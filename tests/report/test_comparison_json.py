from __future__ import annotations

import json

import jsonschema
import pytest

from per_audit.report import comparison_json


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(comparison_json.schema())


def test_every_document_conforms(comparison, no_comparison):
    for each in (comparison, no_comparison):
        text = comparison_json.render(each)
        assert text.isascii()
        jsonschema.validate(json.loads(text), comparison_json.schema())


def test_runs_have_their_scores_and_curves(comparison):
    document = comparison_json.document(comparison)
    first, second = document["after"]["runs"]
    assert (first["score"], first["steps"], first["values"], first["kept"]) == (2.0, [10.0, 20.0], [1.0, 3.0], True)
    assert (second["score"], second["steps"], second["status"]) == (2.0, [], "crashed")
    assert document["difference"] == {"value": -0.25, "low": -1.0, "high": 0.5}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda document: document.pop("p"),
        lambda document: document.update(verdict="FAIL"),
        lambda document: document["before"]["runs"][0].update(status="fine"),
        lambda document: document["after"].update(extra=1),
        lambda document: document["difference"].pop("low"),
    ],
)
def test_the_schema_tells_wrong_documents(comparison, spoil):
    document = comparison_json.document(comparison)
    spoil(document)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, comparison_json.schema())
