"""The proof of a .mlpackage off a Mac: in lockstep with the torch program it was made of."""
