"""A small renderer for macro pictures, and the insects and plants that it draws."""
