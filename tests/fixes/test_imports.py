from __future__ import annotations

import ast
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from per_audit.fixes.edits import EditError
from per_audit.fixes.imports import adjust

NAMES = ("PrioritizedReplayBuffer",)
LINE = "from experience_replay_optimizer import PrioritizedReplayBuffer"


def check(before: str, after: str, add=NAMES, unneeded=("random", "deque"), local=("model", "utils")) -> None:
    """`before` becomes `after`, whatever the line ending, and then stays as it is."""
    before, after = textwrap.dedent(before).lstrip("\n"), textwrap.dedent(after).lstrip("\n")
    for newline in ("\n", "\r\n", "\r"):
        result = adjust(before.replace("\n", newline).encode(), add, unneeded, local).decode()
        assert result.replace(newline, "\n") == after
        assert adjust(result.encode(), add, unneeded, local).decode() == result


def test_sorted_into_the_third_party_group():
    check(
        """
        import math
        import random

        import gym
        import torch
        from torch import nn

        from model import Net

        x = 1
        """,
        f"""
        import math

        import gym
        import torch
        {LINE}
        from torch import nn

        from model import Net

        x = 1
        """,
    )


def test_sorted_by_module_alone():
    check("import abc\n\nfrom aaa import b\nimport gym\n", f"import abc\n\nfrom aaa import b\n{LINE}\nimport gym\n")


def test_below_the_last_of_an_unsorted_group():
    check(
        "import os\n\nimport torch\nimport gym\n\nfrom . import a\n",
        f"import os\n\nimport torch\nimport gym\n{LINE}\n\nfrom . import a\n",
    )


def test_kinds_in_order_without_gaps():
    check(
        "import os\nimport torch  # fast\nimport gym\nfrom model import Net\n",
        f"import os\nimport torch  # fast\nimport gym\n{LINE}\nfrom model import Net\n",
    )


def test_no_order_at_all():
    check(
        "import gym\nimport random\nimport torch\nfrom collections import deque\nfrom model import *\nrandom.seed(0)\n",
        f"import gym\nimport random\nimport torch\nfrom model import *\n{LINE}\nrandom.seed(0)\n",
    )


def test_a_group_of_its_own():
    check("import os\n\nfrom model import a\n", f"import os\n\n{LINE}\n\nfrom model import a\n")
    check("import os\nfrom model import a\n", f"import os\n{LINE}\nfrom model import a\n")
    check("import os\n\nx = 1\n", f"import os\n\n{LINE}\n\nx = 1\n")
    check("from model import a\n\nx = 1\n", f"{LINE}\n\nfrom model import a\n\nx = 1\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "LINE\n"),
        ("x = 1\n", "LINE\n\nx = 1\n"),
        ("def f():\n    pass\n", "LINE\n\n\ndef f():\n    pass\n"),
        ('"""Doc."""\n\nx = 1\n', '"""Doc."""\n\nLINE\n\nx = 1\n'),
        ('"""Doc."""\nx = 1\n', '"""Doc."""\n\nLINE\n\nx = 1\n'),
        ('"""Doc."""', '"""Doc."""\n\nLINE'),
        ("from __future__ import annotations\n\nx = 1\n", "from __future__ import annotations\n\nLINE\n\nx = 1\n"),
        ("#!/usr/bin/env python\n# Licence\nx = 1\n", "#!/usr/bin/env python\n# Licence\nLINE\n\nx = 1\n"),
        ("# Licence\n\n# the answer\nx = 1\n", "# Licence\n\nLINE\n\n# the answer\nx = 1\n"),
        ("# only a comment\n", "# only a comment\nLINE\n"),
        ("import os", "import os\n\nLINE"),
        ("import os; import sys\n", "import os; import sys\n\nLINE\n"),
        ("import os; x = (\n    1)\n", "import os; x = (\n    1)\n\nLINE\n"),
    ],
)
def test_files_with_little_to_hold_on_to(before, after):
    check(before, after.replace("LINE", LINE))


def test_try_and_if_are_left_alone():
    check(
        """
        import gym
        import torch
        try:
            import random
        except ImportError:
            random = None
        if True:
            from collections import deque
        """,
        f"""
        import gym
        import torch
        {LINE}
        try:
            import random
        except ImportError:
            random = None
        if True:
            from collections import deque
        """,
    )


def test_settings_between_imports():
    check(
        "import os\n\nos.environ['A'] = '1'\nimport torch\nLIMIT = 1\nimport zlib\n",
        f"import os\n\nos.environ['A'] = '1'\nimport torch\n{LINE}\nLIMIT = 1\nimport zlib\n",
    )


def test_above_the_first_use():
    use = "print(PrioritizedReplayBuffer(1))"
    check(f"import gym\n{use}\nimport torch\n", f"import gym\n{LINE}\n{use}\nimport torch\n")
    with pytest.raises(EditError, match="on one line with an import"):
        adjust(f"import gym; {use}\n".encode(), NAMES)


LONG = ("LinearSchedule", "PrioritizedReplayBuffer", "absolute_td_error", "importance_weighted_loss")


def test_a_long_line_is_wrapped_as_the_file_indents():
    check(
        "import torch\n\ndef f():\n\tpass\n",
        "import torch\nfrom experience_replay_optimizer import (\n"
        + "".join(f"\t{name},\n" for name in LONG)
        + ")\n\ndef f():\n\tpass\n",
        add=LONG,
    )


def test_a_long_line_is_kept_where_the_file_has_such():
    line = f"from experience_replay_optimizer import {', '.join(LONG[1:])}"
    check(f"import torch\n\n{'#' * 118}\n", f"import torch\n{line}\n\n{'#' * 118}\n", add=LONG[1:])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import B", "import B, PrioritizedReplayBuffer"),
        ("import Z", "import PrioritizedReplayBuffer, Z"),
        ("import PrioritizedReplayBuffer", "import PrioritizedReplayBuffer"),
        ("import Z, B", "import Z, B, PrioritizedReplayBuffer"),
        ("import (B)  # c", "import B, PrioritizedReplayBuffer  # c"),
        ("import B as C", "import B as C, PrioritizedReplayBuffer"),
        ("import B, \\\n    Z", "import B, \\\n    PrioritizedReplayBuffer, Z"),
        ("import (\n    B,\n    Z,\n)", "import (\n    B,\n    PrioritizedReplayBuffer,\n    Z,\n)"),
        ("import (\n    B,\n    C\n)", "import (\n    B,\n    C,\n    PrioritizedReplayBuffer\n)"),
        ("import (\n    B, C)", "import (\n    B, C, PrioritizedReplayBuffer)"),
    ],
)
def test_an_import_that_is_there_already_grows(before, after):
    prefix = "import torch\nfrom experience_replay_optimizer "
    check(f"{prefix}{before}\nimport a\n", f"{prefix}{after}\nimport a\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import random\nx = 1\n", "x = 1\n"),
        ("import a\nimport random  # for sampling\nimport b\n", "import a\nimport b\n"),
        ("import random, a\n", "import a\n"),
        ("import a, random\n", "import a\n"),
        ("import a, random, b\n", "import a, b\n"),
        ("import random as r\nimport random\n", "import random as r\n"),
        ("import random.x\n", "import random.x\n"),
        ("from collections import deque, namedtuple\n", "from collections import namedtuple\n"),
        ("from collections import namedtuple, deque\n", "from collections import namedtuple\n"),
        ("from a import b, random, deque\n", "from a import b\n"),
        ("from a import random, b, deque, c\n", "from a import b, c\n"),
        ("from a import (\n    b,  # b\n    random,  # r\n    c,\n)\n", "from a import (\n    b,  # b\n    c,\n)\n"),
        ("from a import (\n    b,  # b\n    random\n)\n", "from a import (\n    b,  # b\n)\n"),
        ("from a import (\n    b,  # b\n    random,\n    deque,\n)\n", "from a import (\n    b,  # b\n)\n"),
        ("from a import (random,\n    b)\n", "from a import (b)\n"),
        ("from a import (b,\n    random)\n", "from a import (b)\n"),
        ("from a import b, \\\n    random\n", "from a import b\n"),
        ("from a import (\n    random, deque\n)\nx = 1\n", "x = 1\n"),
        ("import random; import a\n", "import a\n"),
        ("import a; import random\n", "import a\n"),
        ("import a\n\nimport random\n\nimport b\n", "import a\n\nimport b\n"),
        ("import random\n\nimport b\n", "import b\n"),
        ('"""Doc."""\n\nimport random\n\n\ndef f(): pass\n', '"""Doc."""\n\n\ndef f(): pass\n'),
        ("import a\nimport random\n\n\ndef f(): pass\n", "import a\n\n\ndef f(): pass\n"),
        ("import a\nimport random", "import a\n"),
        ("from x import *\nimport random\n", "from x import *\n"),
    ],
)
def test_what_nothing_uses_goes(before, after):
    check(before, after, add=())


@pytest.mark.parametrize(
    "use",
    [
        "random.seed(0)",
        "def f(x: 'random.Random'): pass",
        "__all__ = ['random']",
        "globals()['random']",
        "x = 1  # type: random.Random",
        '"""\n>>> random.random()\n"""',
        "f'{random}'",
        "random = 1",
        "exec('random.seed(0)')",
    ],
)
def test_what_may_be_used_stays(use):
    source = f"import random\n\n{use}\n"
    check(source, source, add=())


def test_words_in_prose_are_no_use():
    check("import random\nx = 'a random walk'  # random\n", "x = 'a random walk'  # random\n", add=())
    check("import random\ndef f():\n    'random'\n", "def f():\n    'random'\n", add=())


@pytest.mark.parametrize(
    "own",
    [
        "class PrioritizedReplayBuffer: pass",
        "from buffers import PrioritizedReplayBuffer",
        "def f(PrioritizedReplayBuffer): pass",
        "PrioritizedReplayBuffer = None",
        "import buffers as PrioritizedReplayBuffer",
    ],
)
def test_a_name_that_is_taken_is_refused(own):
    with pytest.raises(EditError, match="PrioritizedReplayBuffer already means something else"):
        adjust(f"import torch\n{own}\n".encode(), NAMES)


NEW_SYNTAX = "import random\nimport torch\n\n\nclass A:\n    x = ) newer than any interpreter\n"


def test_syntax_that_is_too_new_leaves_the_head_readable():
    after = NEW_SYNTAX.replace("import torch\n", f"import torch\n{LINE}\n")
    assert adjust(NEW_SYNTAX.encode(), NAMES, {"random"}).decode() == after
    with pytest.raises(EditError, match="means something else"):
        adjust((NEW_SYNTAX + "class PrioritizedReplayBuffer:\n").encode(), NAMES)


def test_a_head_that_cannot_be_read_is_refused():
    with pytest.raises(EditError, match="this version of Python"):
        adjust(b"import )\n", NAMES)


def test_bytes_of_other_encodings_survive():
    data = "\ufeff# é\r\nimport random\r\nimport torch\r\n\x0c\r\nx\t= 'é' \r\n".encode()
    expected = f"\ufeff# é\r\nimport torch\r\n{LINE}\r\n\x0c\r\nx\t= 'é' \r\n".encode()
    assert adjust(data, NAMES, {"random"}) == expected
    data = "# coding: latin-1\nimport random\nimport torch\nx = 'é'\n".encode("latin-1")
    assert adjust(data, NAMES, {"random"}) == f"# coding: latin-1\nimport torch\n{LINE}\nx = 'é'\n".encode("latin-1")


lines = st.lists(
    st.sampled_from(
        [
            "import random",
            "import os",
            "import gym",
            "import a, random",
            "from collections import deque, namedtuple",
            "from collections import deque",
            "from torch import (\n    nn,\n    deque,\n)",
            "from . import x",
            "from model import Net",
            "import os; import random",
            "try:\n    import tqdm\nexcept ImportError:\n    pass",
            "",
            "",
            "# a comment",
            "x = 1",
            "print(random.random())",
            "def f():\n    return deque()",
        ]
    ),
    max_size=12,
)


@given(lines, st.booleans())
def test_any_file(chosen, has_end):
    source = "\n".join(chosen) + "\n" * has_end
    result = adjust(source.encode(), NAMES, {"random", "deque"}, {"model"}).decode()
    namespace = [
        alias.name for node in ast.walk(ast.parse(result)) if isinstance(node, ast.ImportFrom) for alias in node.names
    ]
    assert namespace.count("PrioritizedReplayBuffer") == 1
    assert adjust(result.encode(), NAMES, {"random", "deque"}, {"model"}).decode() == result
    code = [line for line in source.splitlines() if line.strip() and "import" not in line and "deque," not in line]
    assert [line for line in result.splitlines() if line in code] == code
