"""What proves the books: the rules that they keep, the chain over their rows, and checkpoints."""
