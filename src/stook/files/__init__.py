"""Items in, results out: files, standard input and iterables to blocks of payloads, rows of results to files.

path, glob, "-" ── open_items ──▶ ItemReader ──▶ Block, Block, …       rows ── open_results ──▶ a file, whole or not
any iterable    ── blocks, async_blocks ───────▶ Block, Block, …
"""

__all__ = []
