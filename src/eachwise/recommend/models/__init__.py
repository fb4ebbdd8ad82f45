"""Models of taste, one file each; ``registry.py`` lists them."""
