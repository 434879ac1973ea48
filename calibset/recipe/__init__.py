"""The dataset recipe: its model, its file, what is wrong in one."""
