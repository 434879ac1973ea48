"""The licences of a recipe's sources: which are let in, and what they ask for."""
