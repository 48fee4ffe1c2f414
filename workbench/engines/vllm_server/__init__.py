"""The engine ``vllm-server``: a vLLM server of our own for a model, started, watched, shared, and always stopped."""
