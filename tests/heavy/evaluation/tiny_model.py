"""A model of letters that fits into a few kilobytes."""

from __future__ import annotations

from pathlib import Path

from tests.letters import write_letters


def write_model(folder: Path, *, noise: float = 0.0, vocabulary: int = 258) -> Path:
    """Write a tiny Llama that knows letters; the same one each time but for the noise."""
    import torch
    import transformers

    folder.mkdir()
    write_letters(folder)
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=64,
        initializer_range=0.3,
    )
    model = transformers.LlamaForCausalLM(config).float()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(noise * torch.randn(parameter.shape))
    model.save_pretrained(folder)
    return folder
