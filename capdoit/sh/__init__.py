"""Shell function libraries that the scripts of capdoit are made of."""
