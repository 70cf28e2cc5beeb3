"""Pipelines that DVC and we both run: what they leave behind has to be the same, byte for byte."""
