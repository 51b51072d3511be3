"""The roles that names suggest."""

import pytest

from per_audit.facts import extract
from per_audit.graph.interpret.roles import is_beta, looks_like_transition, role_of, role_of_name, words


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("reward", "reward"), ("rewards_batch", "reward"), ("r", "reward"), ("batchRewards", "reward"),
        ("done", "done"), ("not_done", "done"), ("terminated", "done"), ("terminations", "done"),
        ("truncations", "done"), ("is_terminal", "done"), ("masks", "done"),
        ("state", "state"), ("obs", "state"), ("observation_batch", "state"), ("s", "state"),
        ("action", "action"), ("a", "action"), ("batch_acts", "action"),
        ("next_state", "next"), ("nextObs", "next"), ("new_obs", "next"), ("s_", "next"), ("s2", "next"),
        ("state_prime", "next"), ("ns", "next"), ("next", "next"),
        ("obs_tp1", "next"), ("batch_obs_tp1", "next"), ("tp1", "next"), ("observation_t", "state"), ("tp2", None),
        ("next_graph", "next"), ("nextImages", "next"), ("graph", None), ("next_index", None), ("next_q", None),
        ("action_mask", "action"), ("legal_masks", None), ("state_mask", "state"), ("mask_batch", "done"),
        ("log_prob", "policy"), ("old_logp", "policy"), ("advantages", "policy"), ("returns", "policy"),
        ("values", "value"), ("size", None), ("index", None), ("weights", None), ("model", None), ("_", None),
        ("", None),
        ("is_final", "done"), ("isfinal", "done"), ("batch_is_last", "done"), ("gameover", "done"),
        ("final_state", "state"), ("last_obs", "state"),
        ("newobservation", "next"), ("nextstatebatch", "next"), ("b_newobs", "next"), ("statesnext", "next"),
        ("rewardbatch", "reward"), ("newstatus", None), ("newframe", None), ("observatory", None),
        ("steps_done", None), ("step_done", "done"), ("IS_BETA_END", None), ("eps_end", None), ("episode_end", "done"),
    ],
)  # fmt: skip
def test_role_of_a_name(name, role):
    assert role_of_name(name) == role


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("self.rewards", "reward"),
        ("batch['done']", "done"),
        ("rewards[0]", "reward"),
        ("np.array([reward])", "reward"),
        ("float(done)", "done"),
        ("state.copy()", "state"),
        ("1 - done", "done"),
        ("-reward", "reward"),
        ("f()", None),
        ("3", None),
    ],
)
def test_role_of_an_expression(text, role):
    (statement,) = extract("x.py", text.encode()).body
    assert role_of(statement.value) == role


def test_words_of_snake_and_camel_case():
    assert words("next_state") == words("nextState") == words("NextState") == ("next", "state")
    assert words("TDError2") == ("td", "error", "2")


@pytest.mark.parametrize(("name", "known"), [("beta", True), ("self_beta", True), ("alphabet", False), ("b", False)])
def test_beta_is_known_by_its_name(name, known):
    assert is_beta(name) == known


@pytest.mark.parametrize(
    ("roles", "is_one"),
    [
        ({"state", "action", "reward", "next"}, True),
        ({"state", "reward", "done"}, True),
        ({"reward", "done"}, False),
        ({"state", "action", "next", "done"}, False),
        ({"state", "action", "reward", "done", "policy"}, False),
        (set(), False),
        ({"state", "value", "next", "reward"}, False),
        ({"state", "action", "value", "next", "reward"}, True),
    ],
)
def test_a_transition_has_a_reward_and_what_follows(roles, is_one):
    assert looks_like_transition(roles) == is_one
