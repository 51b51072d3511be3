from .repairing import changed, check_left, check_repaired, example

CODE = "PER307"
NUMPY, TORCH = "a numpy tree of 32 bits", "a torch tree, which has 32 bits by default"


def test_the_array_gets_64_bits():
    check_repaired(CODE, example(CODE, NUMPY), ("dtype=np.float32", "dtype=np.float64"))


def test_a_type_by_its_place_and_an_array_among_others():
    files = changed(
        example(CODE, NUMPY),
        ("        self.capacity = capacity\n        self.sums = ", "        self.capacity, self.sums = capacity, "),
        ("dtype=np.float32", "np.float32"),
    )
    check_repaired(CODE, files, ("np.float32", "np.float64"))


def test_a_tensor_says_what_it_was_by_default():
    old = "torch.zeros(2 * capacity)"
    check_repaired(CODE, example(CODE, TORCH), (old, f"{old[:-1]}, dtype=torch.float64)"), unsafe="64 bits as well")


def test_a_running_sum_is_left():
    check_left(CODE, example(CODE, "a running sum"), "computed anew before each draw")


def test_a_type_that_is_handed_in_is_left():
    files = changed(
        example(CODE, NUMPY),
        ("dtype=np.float32", "dtype=FLOAT"),
        ("import numpy as np\n\n\nclass Tree", "import numpy as np\n\nFLOAT = np.float32\n\n\nclass Tree"),
    )
    check_left(CODE, files, "the type of the array")


def test_a_type_that_is_imported_by_name_is_left():
    files = changed(
        example(CODE, NUMPY),
        ("dtype=np.float32", "dtype=float32"),
        ("import numpy as np\n\n\nclass Tree", "import numpy as np\nfrom numpy import float32\n\n\nclass Tree"),
    )
    check_left(CODE, files, "float32 at tree.py:8 is imported by name")
