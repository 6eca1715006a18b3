"""The tests: real telegrams, real servers, and no mock of our own code."""
