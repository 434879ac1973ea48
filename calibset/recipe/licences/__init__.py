"""The licences of a recipe's sources: which ones the recipe permits, and what they require."""
