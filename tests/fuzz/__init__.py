"""Bytes that somebody, or chance, chose: what must hold of them (targets), and a search for those where it does not (__main__)."""
