"""Qwen-VL on this machine, through transformers."""
