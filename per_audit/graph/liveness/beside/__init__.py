"""Files beside the program: demonstrations, notebooks apart, copies of libraries."""
