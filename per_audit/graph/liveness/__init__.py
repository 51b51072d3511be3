"""What of a project is ever run: what is switched off, made by nothing, only tried out, or started in a thread.

Three questions are asked here:

- Why is a place never run? `idle`, for what is said of a finding. Its reasons are settings (`switched`, with `options`,
  `declared`, `filled` and `unfilled`; `chosen` for those that are off unless somebody sets them), names that nothing
  needs (`uncalled`, `overwritten`, `missing`, `signatures`; `lookups` knows what is found without being named), values
  that nothing reads (`discarded`), and files beside the program (`demos`, `apart`, `copied`).
- What is no memory for what becomes of it? `lifetimes`, `late` and `measured`, as memories are recognised; `usage`
  tells which of several are in use.
- How often is a place run, and for which object? `rhythm`, `seldom`, `lives`, `threads`.
"""
