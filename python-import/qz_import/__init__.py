"""Turns Hugging Face folders and GGUF files into modules of the qz dialect."""
