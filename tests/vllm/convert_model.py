"""The bundled model in Hugging Face's layout, which is what vLLM serves: ``python convert_model.py FOLDER``.

Needs transformers, torch, gguf and accelerate. The chat template comes along.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from workbench.engines.model_files import ensure_default_model


def convert(gguf: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent,
        gguf_file=gguf.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.bfloat16,
    )
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    # Into place in one step: a folder that is there is whole.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".convert-") as temporary:
        made = Path(temporary) / "model"
        model.save_pretrained(made)
        tokenizer.save_pretrained(made)
        made.rename(folder)


if __name__ == "__main__":
    convert(ensure_default_model(), Path(sys.argv[1]).absolute())
