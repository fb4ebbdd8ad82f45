"""Proofs: individuals beside segments, on real data and in worlds whose truth is known."""
