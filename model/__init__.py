"""Everything that computes: importable without gradio, and by itself importing nothing."""
