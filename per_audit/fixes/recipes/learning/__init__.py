"""Where a batch is learnt from: losses are weighted, and TD errors become priorities."""
