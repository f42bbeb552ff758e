"""From a file nobody has described to a mapping a person can review: look, propose, write, try.

sniff (format, encoding, sheet, header) -> evidence (what each column holds) -> propose (which of ours it is)
-> write (source.toml, mapping and values files). Nothing is loaded, and no file of the owner's is overwritten.
"""
