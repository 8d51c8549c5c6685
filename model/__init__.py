"""Everything that computes. Nothing here imports gradio, and importing this package imports nothing."""
