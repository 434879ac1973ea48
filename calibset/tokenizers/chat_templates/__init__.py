"""Conversations as the target model reads them: Mistral's format, or the model's own Jinja template."""
