"""Galatolo, Cimino and Vaglini, Mesh Neural Networks, Neural Processing Letters 53, 2021 (arXiv 1905.06684)."""
