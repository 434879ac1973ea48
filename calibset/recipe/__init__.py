"""The dataset recipe: its model, its TOML file and its validation."""
