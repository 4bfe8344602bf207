"""What tests, benchmarks and soak share. Not shipped: only a clone of the repository has it."""
