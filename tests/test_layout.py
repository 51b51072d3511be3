"""Tests are laid out like the code: a module has tests of its own, or it is said here which tests are also its own."""

from pathlib import Path

import pytest

import per_audit

CODE = Path(per_audit.__file__).parent
TESTS = Path(__file__).parent
# By tests, the modules that these go through, and that have none of their own.
TESTED_WITH = {
    "cli/test_fix": "cli/_review cli/_shared errors fixes/review",
    "cli/test_rules": "cli/explain report/rules",
    "cli/test_scan_team": "cli/_team",
    "compare/test_run": "compare/judge compare/kept compare/one compare/options compare/results compare/training",
    "facts/test_lower": "facts/lower_expressions",
    "facts/test_read": "facts/brackets facts/read_expressions",
    "fixes/test_edits": "fixes/plan",
    "fixes/test_transaction": "atomic",
    "fixes/test_vendor": "fixes/module",
    "fixes/recipes/batch/test_travel": "fixes/recipes/batch/handles",
    "fixes/recipes/containers/test_container_swap": "fixes/recipes/containers/branches fixes/recipes/containers/seeded",
    "fixes/recipes/containers/test_index_swap": "fixes/recipes/settled",
    "fixes/recipes/learning/test_losses": ("fixes/recipes/learning/elementwise fixes/recipes/learning/rewarded"),
    "fixes/recipes/test_lap": "fixes/recipes/learning/huber",
    "fixes/recipes/repairs/test_rising_beta": (
        "fixes/recipes/repairs/constructed fixes/recipes/repairs/defect fixes/recipes/repairs/splices"
    ),
    "fixes/recipes/schedule/test_budget": (
        "fixes/recipes/schedule/counters fixes/recipes/schedule/frequency fixes/recipes/schedule/numbers"
    ),
    "rules/test_costs_of_priorities": "graph/memory/held graph/prioritised/draws/linear",
    "rules/test_per304": "graph/prioritised/draws/grain",
    # A rule's examples are programs; what the graph answers about them is in what the rule says.
    "rules/test_rules": (
        "graph/episodes/absent graph/episodes/counted graph/episodes/cut_windows graph/episodes/limits"
        " graph/episodes/own_cuts graph/episodes/own_flags"
        " graph/episodes/own_limits graph/episodes/polarity graph/episodes/readers graph/episodes/rewards"
        " graph/episodes/spared graph/episodes/unended graph/gradients/filled"
        " graph/libraries/training graph/memory/unfed"
        " graph/prioritised/weights/broadcast graph/prioritised/weights/one_sided"
        " graph/prioritised/weights/compiled graph/prioritised/weights/dropping graph/recognise/learning/chosen"
        " rule testing"
    ),
    "graph/interpret/test_interpreter": (
        "graph/interpret/calls graph/interpret/containers graph/interpret/evaluate graph/interpret/frame"
        " graph/interpret/parts graph/model"
    ),
    "graph/liveness/test_idle": (
        "graph/liveness/beside/demos graph/liveness/memories/unasked"
        " graph/liveness/names/lookups graph/liveness/names/unread"
    ),
    "graph/liveness/frequency/test_rhythm": "graph/memory/ranges",
    "graph/machine/test_run": "graph/machine/expressions graph/machine/library graph/machine/things",
    "graph/memory/test_capacity": "graph/memory/counters graph/memory/looked_up graph/memory/powers",
    "graph/memory/test_eviction": "graph/memory/laps",
    "graph/memory/test_stored": "graph/liveness/frequency/lives graph/memory/branches graph/memory/breaks",
    "graph/prioritised/weights/test_uses": "graph/prioritised/weights/rated",
    "graph/recognise/test_uniform": "graph/recognise/draws/merged graph/recognise/rows/returns",
    "graph/storage/test_walk": "graph/storage/expressions graph/storage/values",
    "graph/symbolic/test_run": (
        "graph/symbolic/calls graph/symbolic/numeric graph/symbolic/options graph/symbolic/put"
        " graph/symbolic/repeated graph/symbolic/settled"
    ),
    "report/test_plan": "report/documents report/plan_json report/plan_markdown report/plan_text",
    "report/test_text": "report/frame report/styled",
    "report/test_verification_html": "report/page",
    "audit/test_run": "audit/outcome audit/suppress catalogue/housekeeping findings",
    "settings/test_settings": "settings/pyproject",
    "verify/test_adapters": (
        "verify/child/adapter verify/child/bench verify/child/decode verify/child/infer verify/child/marks"
        " verify/child/methods verify/child/parameters verify/child/standins"
    ),
    "verify/test_checks": "verify/check",
    "verify/test_configuration": "verify/changes verify/ways",
    "verify/test_documents": "verify/hydra",
    "verify/test_hostile": "verify/child/fence",
    "verify/test_loading": "verify/child/loading",
    "verify/test_names": "verify/child/names",
    "verify/test_run": "verify/child/session verify/process",
}
SHARED = {module for modules in TESTED_WITH.values() for module in modules.split()}


def modules():
    """The modules by their paths; plug-ins that are found by file name are tested together in a folder of their own."""
    for path in sorted(CODE.rglob("*.py")):
        name = path.relative_to(CODE).with_suffix("").as_posix()
        if not path.stem.startswith("__") and not name.startswith(("demo/example/", "verify/child/libraries/")):
            yield name


def has_own(module):
    path = TESTS / module
    return path.with_name(f"test_{path.name.lstrip('_')}.py").exists()


@pytest.mark.parametrize("module", list(modules()))
def test_a_module_has_tests(module):
    assert has_own(module) != (module in SHARED), "write its tests, or say above where they are: one of both"


def test_what_is_said_of_the_tests_holds():
    assert set(modules()) >= SHARED
    assert all((TESTS / f"{tests}.py").exists() for tests in TESTED_WITH)
