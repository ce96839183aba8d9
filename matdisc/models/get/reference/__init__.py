"""The reference implementation of GET in PyTorch."""
