"""What of a project is ever run: what is switched off, made by nothing, only tried out, or started in a thread.

Three questions are asked here:

- Why is a place never run? `idle`, for what is said of a finding. Its reasons are `settings`, `names` that nothing
  needs, values that nothing reads (`names/discarded`), and files `beside` the program.
- What is no memory for what becomes of it? `memories`, as memories are recognised; `memories/usage` tells which of
  several are in use.
- How often is a place run, and for which object? `frequency`.
"""
