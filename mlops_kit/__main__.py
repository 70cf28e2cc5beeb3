"""`python -m mlops_kit`."""

from mlops_kit.cli import main

if __name__ == "__main__":
    main()
