"""The figures of a comparison, and how sure they are; arrays in, numbers out."""
