"""Tests of the canonical writers."""
