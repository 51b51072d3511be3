"""`python -m per_audit`: the command line."""

from per_audit.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
