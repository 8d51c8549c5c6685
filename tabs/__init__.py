"""The interface: a folder a tab. Computing is `model`'s work; a tab only asks and shows."""
