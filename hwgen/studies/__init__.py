"""The allocator's three applications, run over budgets and seeds with every method, and judged against certificates."""
