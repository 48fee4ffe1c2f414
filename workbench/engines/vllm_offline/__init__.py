"""vLLM inside this process: ``vllm.LLM`` driven step by step, so that requests join and results leave while it runs.

``VllmEngine`` (``engine.py``) is what stages use. vLLM itself is imported when a model is first asked.
"""
